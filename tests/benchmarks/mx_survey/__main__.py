"""The way in, which begins as `crawler.__main__` does: a process of its own.

python -m tests.benchmarks.mx_survey LIST RUN --resolver ADDRESS:PORT
"""

from crawler.own_process import claim_process

if __name__ == "__main__":
    claim_process()
    from tests.benchmarks.mx_survey.mail_survey import main

    main()
