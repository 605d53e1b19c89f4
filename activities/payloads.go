package activities

// Payloads: names, keys, sizes, counts and hashes. They are kept in the history for ever and can be read by whoever may
// open the Temporal UI, so nothing else goes in.

// A Requester is who asked for a run. It is a claim of whoever may reach Temporal, not an authentication.
type Requester struct {
	Name string `json:"name,omitempty"`
}

// GroupPart says which part of a campaign a run delivers.
type GroupPart struct {
	Campaign     string `json:"campaign"`
	Group        string `json:"group"`
	DataTemplate string `json:"data_template"`
}

// Attribution is whose a failure is to fix.
type Attribution string

// The attributions.
const (
	Customer      Attribution = "customer"      // the bucket's owner: rights, keys, the bucket itself
	Configuration Attribution = "configuration" // whoever writes Consign's configuration
	Platform      Attribution = "platform"      // whoever runs Consign, Temporal and the network
)

// Whose says it to somebody who does not know the word.
func (a Attribution) Whose() string {
	switch a {
	case Customer:
		return "customer: the owner of the bucket"
	case Configuration:
		return "configuration: whoever writes Consign's configuration"
	case Platform:
		return "platform: whoever runs Consign, Temporal and the network"
	}
	return string(a)
}

// A Failure is why a step failed, for the person who has to mend it.
type Failure struct {
	Step        string      `json:"step,omitempty"`
	Type        string      `json:"type"` // AccessDenied, NoSuchBucket, QueryFailed ...: see causes.go
	Attribution Attribution `json:"attribution"`
	Message     string      `json:"message"` // what was being done and what went wrong
	Advice      string      `json:"advice"`  // what to do about it
	// Worker is what Temporal calls the worker that tried it last, its label or its machine and its process; empty if no
	// step said it.
	Worker string `json:"worker,omitempty"`
}

// An Object is one delivered object.
type Object struct {
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	Rows     int64  `json:"rows"`
	Bytes    int64  `json:"bytes"`
	ETag     string `json:"etag,omitempty"`
	Version  string `json:"version,omitempty"`
	Checksum string `json:"checksum"` // CRC32C of the whole object, base64, as S3 has it
}

// Heartbeat is what a step at work tells: for people, never as a ledger.
type Heartbeat struct {
	Step  string `json:"step"`
	Rows  int64  `json:"rows,omitempty"`
	Bytes int64  `json:"bytes"`
	Total int64  `json:"total,omitempty"`
}
