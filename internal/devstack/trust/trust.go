// Package trust answers as Amazon's STS does where MinIO's does not: it knows roles, whom they trust and under which
// external ID. The tests assume roles from it.
package trust

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Role can be assumed by those it trusts.
type Role struct {
	ARN        string
	ExternalID string        // must be given to assume it; empty: an open role, which does not look at external IDs
	Trusts     []string      // ARNs of users and roles (not of their sessions); empty: whoever has a key
	Longest    time.Duration // of a session; zero: an hour, Amazon's default
}

// A User has a permanent key.
type User struct {
	ARN    string
	Key    string
	Secret string
}

// A Call is what somebody asked for and what came of it.
type Call struct {
	Action, Caller                   string // Caller: an ARN
	RoleARN, ExternalID, SessionName string
	Policy                           string
	Duration                         time.Duration
	Code                             string // of the error; empty: it was granted
}

// Options say whom the server knows.
type Options struct {
	Users []User
	Roles []Role
	Issue Issuer           // where sessions come from; nil: Invent
	Now   func() time.Time // nil: the clock
}

// STS is an http.Handler with the query API of STS: AssumeRole and GetCallerIdentity.
type STS struct {
	issue Issuer
	now   func() time.Time

	mu      sync.Mutex
	roles   map[string]Role
	callers map[string]caller // by access key id
	calls   []Call
}

// caller is who may sign: a user, or a session of a role.
type caller struct {
	arn, role             string // role: empty for a user
	secret, session, name string
	expires               time.Time // zero: never
}

// New returns a server that knows what o says.
func New(o Options) *STS {
	s := &STS{issue: o.Issue, now: o.Now, roles: map[string]Role{}, callers: map[string]caller{}}
	if s.issue == nil {
		s.issue = Invent
	}
	if s.now == nil {
		s.now = time.Now
	}
	for _, r := range o.Roles {
		s.roles[r.ARN] = r
	}
	for _, u := range o.Users {
		s.callers[u.Key] = caller{arn: u.ARN, secret: u.Secret}
	}
	return s
}

// SetRole adds a role or changes it, as its owner may at any time. Sessions that are out stay valid, as at Amazon.
func (s *STS) SetRole(r Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roles[r.ARN] = r
}

// RemoveRole makes a role unknown, which looks like a refusal from outside.
func (s *STS) RemoveRole(arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.roles, arn)
}

// Calls returns what was asked so far, in order.
func (s *STS) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// ServeHTTP answers one request.
func (s *STS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who, form, err := s.authenticate(r)
	if err != nil {
		refuse(w, err)
		return
	}
	call := Call{
		Action: form.Get("Action"), Caller: who.arn, RoleARN: form.Get("RoleArn"), ExternalID: form.Get("ExternalId"),
		SessionName: form.Get("RoleSessionName"), Policy: form.Get("Policy"),
	}
	switch call.Action {
	case "GetCallerIdentity":
		s.record(call, nil)
		answer(w, identity(who))
	case "AssumeRole":
		session, err := s.assume(r, who, &call, form.Get("DurationSeconds"))
		s.record(call, err)
		if err != nil {
			refuse(w, err)
			return
		}
		answer(w, session)
	default:
		refuse(w, &Error{http.StatusBadRequest, "InvalidAction", "Could not find operation " + call.Action + " for version 2011-06-15"})
	}
}

func (s *STS) record(c Call, err *Error) {
	if err != nil {
		c.Code = err.Code
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
}

func (s *STS) assume(r *http.Request, who caller, call *Call, duration string) (*assumed, *Error) {
	s.mu.Lock()
	role, known := s.roles[call.RoleARN]
	s.mu.Unlock()
	if err := check(call, duration); err != nil {
		return nil, err
	}
	if !known || !role.admits(who, call.ExternalID) {
		// Amazon says the same for a role that is not there, one that does not trust the caller, and a wrong external ID.
		return nil, &Error{http.StatusForbidden, "AccessDenied", fmt.Sprintf(
			"User: %s is not authorized to perform: sts:AssumeRole on resource: %s", who.arn, call.RoleARN)}
	}
	if err := role.checkDuration(who, call.Duration); err != nil {
		return nil, err
	}
	credentials, err := s.issue(r.Context(), *call, s.now())
	if err != nil {
		return nil, &Error{http.StatusInternalServerError, "InternalFailure", err.Error()}
	}
	arn := sessionARN(call.RoleARN, call.SessionName)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callers[credentials.AccessKeyID] = caller{
		arn: arn, role: call.RoleARN, secret: credentials.SecretAccessKey, session: credentials.SessionToken,
		name: call.SessionName, expires: credentials.Expiration,
	}
	return newAssumed(credentials, arn, call), nil
}

// admits is the role's trust policy.
func (r Role) admits(who caller, externalID string) bool {
	if r.ExternalID != "" && r.ExternalID != externalID {
		return false
	}
	return len(r.Trusts) == 0 || slices.Contains(r.Trusts, who.arn) || who.role != "" && slices.Contains(r.Trusts, who.role)
}

func (r Role) checkDuration(who caller, wanted time.Duration) *Error {
	longest := r.Longest
	if longest == 0 {
		longest = time.Hour
	}
	if who.role != "" && wanted > time.Hour {
		return invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	if wanted > longest {
		return invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return nil
}

// The limits are those of the API reference,
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
var (
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`) // and up to 1224, which a pattern of Go cannot say
)

const policySize = 2048

func check(call *Call, duration string) *Error {
	call.Duration = time.Hour
	if duration != "" {
		seconds, err := strconv.Atoi(duration)
		if err != nil || seconds < 900 || seconds > 43200 {
			return invalid("1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint: Member must be between 900 and 43200")
		}
		call.Duration = time.Duration(seconds) * time.Second
	}
	switch {
	case !roleARN.MatchString(call.RoleARN):
		return invalid(call.RoleARN + " is invalid")
	case !sessionName.MatchString(call.SessionName):
		return invalid("1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*")
	case call.ExternalID != "" && (len(call.ExternalID) > 1224 || !externalID.MatchString(call.ExternalID)):
		return invalid("1 validation error detected: Value at 'externalId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]*")
	case len(call.Policy) > policySize:
		return invalid("1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048")
	}
	return nil
}

func invalid(message string) *Error {
	return &Error{http.StatusBadRequest, "ValidationError", message}
}

// sessionARN is what a session of a role is called: the role's path is not part of it.
func sessionARN(role, session string) string {
	account, name := split(role)
	return "arn:aws:sts::" + account + ":assumed-role/" + name + "/" + session
}

func split(arn string) (account, name string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return "", ""
	}
	return parts[4], parts[5][strings.LastIndex(parts[5], "/")+1:]
}
