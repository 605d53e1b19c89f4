package config

import (
	"fmt"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A checker looks at a decoded configuration and reports everything that is wrong with it.
type checker struct {
	*report
	c *Config
}

func (k *checker) all() {
	k.sections()
	k.names()
	k.credentials()
	k.sources()
	k.queries()
	k.destinations()
	k.templates()
	k.orchestrations()
	k.campaigns()
	k.users()
	k.realNames()
	k.collisions()
}

// item is the path of an item of a list.
func item(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// named matches what a thing may be called: it becomes part of workflow ids, keys and search attributes.
var named = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$`)

// runKey matches the part of a workflow id that tells one run of an orchestration from another.
var runKey = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)

// CheckRunKey reports whether key can be a run's key.
func CheckRunKey(key string) error {
	if !runKey.MatchString(key) {
		return fmt.Errorf("%q: a run key has 1 to 128 of the characters A-Z a-z 0-9 _ . : -", key)
	}
	return nil
}

// names checks that every thing has a name of its own.
func (k *checker) names() {
	audiences := map[string]string{}
	for _, list := range []string{"credentials", "sources", "queries", "segments", "destinations", "data_templates", "orchestrations", "campaigns", "users"} {
		taken := map[string]string{}
		if list == "queries" || list == "segments" {
			taken = audiences // a segment is usable wherever a query is
		}
		k.unique(list, k.namesIn(list), taken)
	}
}

// unique checks the names of one list. taken is where each name is, as a path.
func (k *checker) unique(list string, names []string, taken map[string]string) {
	for i, name := range names {
		at := item(list, i)
		switch first, twice := taken[name]; {
		case name == "":
			k.missing(at+".name", "every thing has a name of its own")
		case !named.MatchString(name):
			k.add(at+".name", "letters, digits, spaces and _ . -, up to 64, the first a letter or digit", "%q is not a name", name)
		case twice:
			k.add(at+".name", "choose another", "%q is taken already, in %s", name, k.of(first))
		default:
			taken[name] = at + ".name"
		}
	}
}

// namesIn returns the names of the things of a list.
func (k *checker) namesIn(list string) []string {
	v := reflect.ValueOf(k.c).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("mapstructure") == list {
			return namesOf(v.Field(i))
		}
	}
	return nil
}

func namesOf(list reflect.Value) []string {
	names := make([]string, list.Len())
	for i := range names {
		names[i] = list.Index(i).FieldByName("Name").String()
	}
	return names
}

// orUnread returns a value, or what stands for one that could not be read at path: it is there.
func (k *checker) orUnread(value, path string) string {
	if k.unread(path) {
		return "unread"
	}
	return value
}

// refers checks that path names a thing of one of the lists.
func (k *checker) refers(path, name, what string, lists ...string) bool {
	var names []string
	for _, list := range lists {
		names = append(names, k.namesIn(list)...)
	}
	switch {
	case name == "":
		k.missing(path, suggest("", names))
	case !slices.Contains(names, name):
		if !slices.ContainsFunc(lists, k.nameless) {
			k.add(path, suggest(name, names), "there is no %s called %q", what, name)
		}
	default:
		return true
	}
	return false
}

// oneOf checks a value that is chosen from a list.
func (k *checker) oneOf(path, value string, allowed ...string) bool {
	if value == "" {
		k.missing(path, strings.Join(allowed, " or "))
		return false
	}
	if !slices.Contains(allowed, value) {
		hint := suggest(value, allowed)
		if !strings.HasPrefix(hint, didYouMean) {
			hint = "" // all of them are in the message
		}
		k.add(path, hint, "%q is not one of %s", value, strings.Join(allowed, ", "))
		return false
	}
	return true
}

// within checks that a number or a duration is neither too small nor too large.
func within[T int | int64 | Size | time.Duration](k *checker, path string, value, least, most T) {
	if value < least || value > most {
		k.add(path, "", "%v is not between %v and %v", value, least, most)
	}
}

// The most that durations and numbers may be: more is a slip of the pen.
const (
	maxTimeout = 90 * 24 * time.Hour
	minMemory  = 128 << 20
	maxMemory  = 1 << 40
	maxThreads = 256
	maxRuns    = 256

	maxAttempts = 10_000
	minInterval = 10 * time.Millisecond
	maxInterval = 24 * time.Hour
)

func (k *checker) sections() {
	c := k.c
	if host, port, err := net.SplitHostPort(c.Temporal.Address); err != nil || host == "" || !isPort(port) {
		k.add("temporal.address", "write host:port, as in 127.0.0.1:7233", "%q is not the address of a server", c.Temporal.Address)
	}
	if tls := c.Temporal.TLS; tls != nil && (tls.Cert == "") != (tls.Key == "") {
		k.add("temporal.tls", "", "a client certificate needs both cert and key")
	}
	if len(c.Workspace.Host) > 64 {
		k.add("workspace.host", "", "a label has up to 64 characters")
	}
	within(k, "workspace.host_timeout", c.Workspace.HostTimeout, time.Second, maxTimeout)
	within(k, "workspace.keep", c.Workspace.Keep, 0, maxTimeout)
	within(k, "worker.memory", c.Worker.Memory, minMemory, maxMemory)
	within(k, "worker.threads", c.Worker.Threads, 1, maxThreads)
	within(k, "worker.runs", c.Worker.Runs, 1, maxRuns)
	within(k, "retry.attempts", c.Retry.Attempts, 1, maxAttempts)
	within(k, "retry.initial_interval", c.Retry.InitialInterval, minInterval, maxInterval)
	within(k, "retry.max_interval", c.Retry.MaxInterval, minInterval, maxInterval)
	if c.Retry.InitialInterval > c.Retry.MaxInterval && !k.unread("retry.max_interval") {
		k.add("retry.initial_interval", "raise max_interval, or wait less before the second try",
			"%s is longer than max_interval, %s: no wait may be", c.Retry.InitialInterval, c.Retry.MaxInterval)
	}
	if c.S3.Concurrency == 0 { // written: to the stage it is the default
		k.add("s3.concurrency", "", "0 is not between 1 and 64")
	}
	if c.S3.PartSize == 0 {
		k.add("s3.part_size", "", "0 bytes is not between 5 MiB and 5 GiB")
	}
	for _, p := range (Settings{}).Upload(c.S3).Validate() {
		p.Key = "s3." + p.Key
		k.put(p)
	}
}

func isPort(text string) bool {
	port, err := strconv.Atoi(text)
	return err == nil && port > 0 && port < 1<<16
}
