package config

// An unbuilt key is one that the documents have and the product cannot honour yet. It is refused by name, never
// ignored.
type unbuilt struct {
	section  string // the list or section that it is in, "orchestrations"; "*": any
	key      string // below an item of it, "schedule"; empty: the section itself
	harmless string // the one value that asks for nothing
}

// notYet is everything that is not built yet. Take a line out when it is.
var notYet = []unbuilt{
}
