package grant

import (
	"encoding/json"
	"strings"
)

// A Document is everything that the bucket's owner gets, as JSON.
type Document struct {
	Destination    string   `json:"destination"`
	Principal      string   `json:"principal,omitempty"`
	PrincipalKnown bool     `json:"principal_known"`
	RoleARN        string   `json:"role_arn,omitempty"`
	Trust          *Policy  `json:"trust_policy,omitempty"`
	Permission     Policy   `json:"permission_policy"`
	Key            *Policy  `json:"kms_key_policy,omitempty"` // to be added to the key's own
	Actions        []Action `json:"actions"`
	// Lifecycle is of the one bucket; of several each has one of its own, in Lifecycles.
	Lifecycle  *Configuration `json:"lifecycle,omitempty"`
	Lifecycles []Lifecycle    `json:"lifecycles,omitempty"`
	CloudTrail []string       `json:"cloudtrail"`
}

// A Lifecycle is what is to be added to the rules that a bucket has.
type Lifecycle struct {
	Bucket        string        `json:"bucket"`
	Configuration Configuration `json:"configuration"`
}

// Configuration is a lifecycle configuration of S3.
type Configuration struct {
	Rules []Rule
}

// A Rule removes the parts of uploads that nobody completes.
type Rule struct {
	ID                             string
	Status                         string
	Filter                         Filter
	AbortIncompleteMultipartUpload Abort
}

// Filter says what a rule is about.
type Filter struct{ Prefix string }

// Abort says when a rule acts.
type Abort struct{ DaysAfterInitiation int }

// Document returns everything at once.
func (n Needs) Document() Document {
	d := Document{
		Destination: n.Destination, RoleARN: n.RoleARN, Trust: n.Trust(), Permission: n.Permission(), Key: n.Key(),
		Actions: n.Actions(), CloudTrail: n.trail(),
	}
	if d.Lifecycles = n.lifecycle(); len(d.Lifecycles) == 1 {
		d.Lifecycle, d.Lifecycles = &d.Lifecycles[0].Configuration, nil
	}
	if n.RoleARN != "" {
		d.Principal, d.PrincipalKnown = n.Principal, n.Principal != ""
		if !d.PrincipalKnown {
			d.Principal = n.Unknown()
		}
	}
	return d
}

// lifecycle has the buckets each with its own rules; access points, whose bucket we do not know, are left out.
func (n Needs) lifecycle() []Lifecycle {
	var names []string
	for _, p := range n.Places {
		if !strings.HasPrefix(p.Bucket, "arn:") {
			names = append(names, p.Bucket)
		}
	}
	var list []Lifecycle
	for _, bucket := range unique(names) {
		list = append(list, Lifecycle{bucket, Configuration{n.rules(bucket)}})
	}
	return list
}

// rules has a rule for each prefix of the bucket: its other uploads are its owner's business.
func (n Needs) rules(bucket string) []Rule {
	seen := map[string]bool{}
	var list []Rule
	for _, p := range n.Places {
		under := p.Prefix
		if under != "" {
			under += "/"
		}
		if p.Bucket != bucket || seen[under] {
			continue
		}
		seen[under] = true
		id := "consign-open-uploads"
		if len(list) > 0 {
			id += "-" + p.Prefix
		}
		list = append(list, Rule{id, "Enabled", Filter{under}, Abort{n.Days}})
	}
	return list
}

// trail is what the bucket's owner sees of us.
func (n Needs) trail() []string {
	var list []string
	if n.RoleARN != "" {
		list = append(list,
			"AssumeRole by "+n.Trust().Statement[0].Principal["AWS"]+", once per run and about hourly while it goes on; the session is called ORCHESTRATION@RUN, which names the run",
			"AssumeRole that is denied, twice, about once a day and worker: we try the role without its external ID and with a wrong one, which must fail",
		)
	}
	return append(list,
		"with data events: CreateMultipartUpload, UploadPart, ListParts and AbortMultipartUpload of a key at the beginning of each run, which tries the rights; then per object CreateMultipartUpload, UploadPart, ListParts and CompleteMultipartUpload, and PutObject for empty ones",
		"ListMultipartUploads in each run, which finds open uploads of ours; denied without the optional right, which does no harm",
		"no request that deletes an object, and none that reads its content, but that downstream.lambda reads back our own receipt",
	)
}

// text writes a policy for a file or a command line.
func text(v any) string {
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // strings marshal
	}
	return string(out)
}
