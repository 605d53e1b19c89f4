package trust

import (
	"encoding/xml"
	"net/http"
	"strings"
	"time"
)

// An Error is a refusal as Amazon words it.
type Error struct {
	Status  int
	Code    string
	Message string
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

type failure struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type    string   `xml:"Error>Type"`
	Code    string   `xml:"Error>Code"`
	Message string   `xml:"Error>Message"`
	Request string   `xml:"RequestId"`
}

type assumed struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleResponse"`
	ID      string   `xml:"AssumeRoleResult>AssumedRoleUser>AssumedRoleId"`
	ARN     string   `xml:"AssumeRoleResult>AssumedRoleUser>Arn"`
	Key     string   `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
	Secret  string   `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
	Token   string   `xml:"AssumeRoleResult>Credentials>SessionToken"`
	Expires string   `xml:"AssumeRoleResult>Credentials>Expiration"`
	Packed  int      `xml:"AssumeRoleResult>PackedPolicySize,omitempty"`
	Request string   `xml:"ResponseMetadata>RequestId"`
}

type whoami struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	ARN     string   `xml:"GetCallerIdentityResult>Arn"`
	User    string   `xml:"GetCallerIdentityResult>UserId"`
	Account string   `xml:"GetCallerIdentityResult>Account"`
	Request string   `xml:"ResponseMetadata>RequestId"`
}

// requestID is a constant: nobody compares them, and answers can then be compared whole.
const requestID = "01234567-89ab-cdef-0123-456789abcdef"

func newAssumed(c Credentials, arn string, call *Call) *assumed {
	_, name := split(call.RoleARN)
	return &assumed{
		ID: uniqueID("AROA", name) + ":" + call.SessionName, ARN: arn, Key: c.AccessKeyID, Secret: c.SecretAccessKey, Token: c.SessionToken,
		Expires: c.Expiration.UTC().Format(time.RFC3339), Packed: len(call.Policy) * 100 / policySize, Request: requestID,
	}
}

func identity(who caller) *whoami {
	account, name := split(who.arn)
	id := uniqueID("AIDA", name)
	if who.role != "" {
		_, role := split(who.role)
		id = uniqueID("AROA", role) + ":" + who.name
	}
	return &whoami{ARN: who.arn, User: id, Account: account, Request: requestID}
}

// uniqueID is shaped like Amazon's: 21 characters, of which the first four say what it names.
func uniqueID(prefix, name string) string {
	letters := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return 'X'
	}, strings.ToUpper(name))
	return prefix + (letters + strings.Repeat("X", 17))[:17]
}

func answer(w http.ResponseWriter, body any) { write(w, http.StatusOK, body) }

func refuse(w http.ResponseWriter, e *Error) {
	kind := "Sender"
	if e.Status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	write(w, e.Status, &failure{Type: kind, Code: e.Code, Message: e.Message, Request: requestID})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(body) // the caller may be gone
}
