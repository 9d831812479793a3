// The least that a DNS scanner spends per lookup when it is written in Go on github.com/miekg/dns, the library
// that zdns is built on: a goroutine and a socket per question in flight, and a line of JSON per name. It has
// no modules, iteration, cache or retry policy of a scanner. It is a limit to measure against, not zdns.
//
// The lines have the fields of `zdns MX`, so that both are read alike.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	inFlight = 1000
	attempts = 3
	timeout  = 3 * time.Second
	udpSize  = 1232
)

type record struct {
	Type       string `json:"type"`
	Class      string `json:"class"`
	Name       string `json:"name"`
	TTL        uint32 `json:"ttl"`
	Preference uint16 `json:"preference"`
	Answer     string `json:"answer"`
}

type flags struct {
	Response           bool `json:"response"`
	Opcode             int  `json:"opcode"`
	Authoritative      bool `json:"authoritative"`
	Truncated          bool `json:"truncated"`
	RecursionDesired   bool `json:"recursion_desired"`
	RecursionAvailable bool `json:"recursion_available"`
	Authenticated      bool `json:"authenticated"`
	CheckingDisabled   bool `json:"checking_disabled"`
	ErrorCode          int  `json:"error_code"`
}

type data struct {
	Answers  []record `json:"answers,omitempty"`
	Flags    flags    `json:"flags"`
	Protocol string   `json:"protocol"`
	Resolver string   `json:"resolver"`
}

type result struct {
	Data      *data   `json:"data,omitempty"`
	Duration  float64 `json:"duration"`
	Status    string  `json:"status"`
	Timestamp string  `json:"timestamp"`
}

type line struct {
	Name    string            `json:"name"`
	Results map[string]result `json:"results"`
}

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("usage: go-dns LIST OUTPUT ADDRESS:PORT"))
	}
	// One processor: threads that wake each other cost CPU and spare only time.
	runtime.GOMAXPROCS(1)
	if err := lookUpAll(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func lookUpAll(list, output, resolver string) error {
	names, lines := make(chan string, inFlight), make(chan []byte, inFlight)
	var workers sync.WaitGroup
	for range inFlight {
		client := &dns.Client{Timeout: timeout, UDPSize: udpSize}
		connection, err := client.Dial(resolver)
		if err != nil {
			return err
		}
		workers.Add(1)
		go func() {
			defer workers.Done()
			defer connection.Close()
			for name := range names {
				lines <- lookUp(client, connection, name, resolver)
			}
		}()
	}
	written := make(chan error, 1)
	go func() { written <- write(output, lines) }()
	err := read(list, names)
	close(names)
	workers.Wait()
	close(lines)
	if failed := <-written; err == nil {
		err = failed
	}
	return err
}

func read(list string, names chan<- string) error {
	file, err := os.Open(list)
	if err != nil {
		return err
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		names <- scanner.Text()
	}
	return scanner.Err()
}

// It writes what comes until the end, also after an error: nobody must wait for it for ever.
func write(output string, lines <-chan []byte) error {
	file, err := os.Create(output)
	writer := bufio.NewWriterSize(file, 1<<16)
	for octets := range lines {
		if err == nil {
			_, err = writer.Write(append(octets, '\n'))
		}
	}
	if err == nil {
		err = writer.Flush()
	}
	if err == nil {
		err = file.Close()
	}
	return err
}

func lookUp(client *dns.Client, connection *dns.Conn, name, resolver string) []byte {
	begun := time.Now()
	query := new(dns.Msg)
	query.SetQuestion(dns.Fqdn(name), dns.TypeMX)
	query.SetEdns0(udpSize, false)
	query.AuthenticatedData = true
	found := result{Status: "TIMEOUT"}
	for range attempts {
		if reply, _, err := client.ExchangeWithConn(query, connection); err == nil {
			found.Status, found.Data = dns.RcodeToString[reply.Rcode], readReply(reply, resolver)
			break
		}
	}
	found.Duration, found.Timestamp = time.Since(begun).Seconds(), begun.Format(time.RFC3339)
	octets, err := json.Marshal(line{name, map[string]result{"MX": found}})
	if err != nil {
		fail(err)
	}
	return octets
}

func readReply(reply *dns.Msg, resolver string) *data {
	read := &data{
		Flags: flags{
			reply.Response, reply.Opcode, reply.Authoritative, reply.Truncated, reply.RecursionDesired,
			reply.RecursionAvailable, reply.AuthenticatedData, reply.CheckingDisabled, reply.Rcode,
		},
		Protocol: "udp",
		Resolver: resolver,
	}
	for _, answer := range reply.Answer {
		if mx, ok := answer.(*dns.MX); ok {
			read.Answers = append(read.Answers, record{
				"MX", "IN", dns.Fqdn(mx.Hdr.Name), mx.Hdr.Ttl, mx.Preference, mx.Mx,
			})
		}
	}
	return read
}
