"""How a run is going: counted once, and told to people and programs."""
