// Package redshifttest is an Amazon Redshift behind its Data API, for tests: it parses and carries out the statements of
// a load in transactions, and answers as Amazon's documentation of the API (version 2019-12-20, JSON 1.1) says:
// https://docs.aws.amazon.com/redshift-data/latest/APIReference/Welcome.html
package redshifttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Request is what somebody has asked.
type Request struct {
	Operation string
	Key       string // access key of the signature
	Token     string // of the session, which goes with a role
	Region    string // that it was signed for
	Body      map[string]any
}

// A Refusal is an error of the API.
type Refusal struct {
	Status  int
	Code    string
	Message string
}

// A Server answers requests until it is closed. The fields are set before it is used, or under With.
type Server struct {
	*httptest.Server

	// Read is what a COPY reads: its rows, or Redshift's words about why it cannot.
	Read func(Copy) (int64, error)
	// Refuse answers a request with an error if it returns one; n counts the operation's requests from 1.
	Refuse func(operation string, n int) *Refusal
	// Lose has a request done and its answer lost.
	Lose func(operation string, n int) bool
	// Break fails a statement, for a reason of Redshift's own, if it returns one.
	Break func(sql string) error
	// Held statements stay STARTED.
	Held bool

	mu         sync.Mutex
	requests   []Request
	statements []*statement
	committed  database
	now        time.Time
}

type statement struct {
	id, name, token string
	sqls            []string
	batch           bool
	status          string
	words           string // Redshift's, if it has failed
	subs            []sub
	created         time.Time
}

type sub struct {
	status, words string
	rows          result
}

// New starts a server whose COPY statements read rows rows each, and for which it is now.
func New(rows int64, now time.Time) *Server {
	s := &Server{Read: func(Copy) (int64, error) { return rows, nil }, now: now}
	s.committed = database{tables: map[string]int64{}, ledger: map[string]entry{}, read: func(c Copy) (int64, error) { return s.Read(c) }}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// With changes the server between two requests.
func (s *Server) With(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// Requests returns the requests of an operation so far.
func (s *Server) Requests(operation string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Request
	for _, r := range s.requests {
		if r.Operation == operation {
			list = append(list, r)
		}
	}
	return list
}

// Statement is the id of the nth statement that was begun and is still known, counted from 0.
func (s *Server) Statement(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statements[n].id
}

// Rows is how many rows a table has.
func (s *Server) Rows(table string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.committed.tables[table]
}

// Noted is how many rows the ledger has for a load.
func (s *Server) Noted(load string) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	noted, there := s.committed.ledger[load]
	return noted.rows, there
}

// Forget takes a load out of the ledger.
func (s *Server) Forget(load string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.committed.ledger, load)
}

// Pass lets time pass: tokens are known for eight hours, statements for a day.
func (s *Server) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
	s.statements = slices.DeleteFunc(s.statements, func(one *statement) bool { return s.now.Sub(one.created) > 24*time.Hour })
}

// GoOn lets statements that are held come to their ends.
func (s *Server) GoOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Held = false
	for _, one := range s.statements {
		s.advance(one)
	}
}

const tokenKnown = 8 * time.Hour

var signature = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/redshift-data/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]{64}$`)

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	operation, ours := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "RedshiftData.")
	signed := signature.FindStringSubmatch(r.Header.Get("Authorization"))
	body := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !ours || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		refuse(w, &Refusal{http.StatusBadRequest, "SerializationException", "no request of the Data API"})
		return
	}
	if signed == nil || !strings.Contains(signed[3], "x-amz-date") || !strings.Contains(signed[3], "x-amz-target") {
		refuse(w, &Refusal{http.StatusForbidden, "MissingAuthenticationToken", "Missing Authentication Token"})
		return
	}
	s.requests = append(s.requests, Request{operation, signed[1], r.Header.Get("X-Amz-Security-Token"), signed[2], body})
	n := 0
	for _, r := range s.requests {
		if r.Operation == operation {
			n++
		}
	}
	if s.Refuse != nil {
		if no := s.Refuse(operation, n); no != nil {
			refuse(w, no)
			return
		}
	}
	answer, no := s.answer(operation, body)
	if s.Lose != nil && s.Lose(operation, n) {
		panic(http.ErrAbortHandler)
	}
	if no != nil {
		refuse(w, no)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(answer)
}

func refuse(w http.ResponseWriter, r *Refusal) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", "b3d5f6a0-0000-4000-8000-000000000000")
	w.WriteHeader(r.Status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": r.Code, "message": r.Message})
}

func invalid(format string, args ...any) *Refusal {
	return &Refusal{http.StatusBadRequest, "ValidationException", fmt.Sprintf(format, args...)}
}

func text(body map[string]any, key string) string {
	value, _ := body[key].(string)
	return value
}

func (s *Server) answer(operation string, body map[string]any) (any, *Refusal) {
	switch operation {
	case "BatchExecuteStatement":
		var sqls []string
		list, _ := body["Sqls"].([]any)
		for _, one := range list {
			sqls = append(sqls, fmt.Sprint(one))
		}
		return s.execute(body, sqls, true)
	case "ExecuteStatement":
		return s.execute(body, []string{text(body, "Sql")}, false)
	case "ListStatements":
		found := []any{}
		for _, one := range s.statements {
			if strings.HasPrefix(one.name, text(body, "StatementName")) {
				found = append(found, map[string]any{"Id": one.id, "StatementName": one.name, "Status": one.status, "IsBatchStatement": one.batch})
			}
		}
		return map[string]any{"Statements": found}, nil
	}
	id, part, _ := strings.Cut(text(body, "Id"), ":")
	at := slices.IndexFunc(s.statements, func(one *statement) bool { return one.id == id })
	if at < 0 {
		return nil, &Refusal{http.StatusBadRequest, "ResourceNotFoundException", "Query does not exist."}
	}
	one := s.statements[at]
	switch operation {
	case "DescribeStatement":
		s.advance(one)
		return one.described(), nil
	case "GetStatementResult":
		return one.result(part)
	case "CancelStatement":
		if one.status != "STARTED" {
			return nil, invalid("Could not cancel a query that is already in %s state", one.status)
		}
		one.status = "ABORTED"
		return map[string]any{"Status": true}, nil
	}
	return nil, &Refusal{http.StatusBadRequest, "UnknownOperationException", operation}
}

// execute begins a statement, or finds the one of the same token.
func (s *Server) execute(body map[string]any, sqls []string, batch bool) (any, *Refusal) {
	cluster, workgroup := text(body, "ClusterIdentifier"), text(body, "WorkgroupName")
	switch {
	case (cluster == "") == (workgroup == ""):
		return nil, invalid("Either ClusterIdentifier or WorkgroupName is required")
	case text(body, "Database") == "":
		return nil, invalid("Database is required")
	case len(sqls) == 0 || len(sqls) > 40:
		return nil, invalid("Sqls must have 1 to 40 items")
	case len(text(body, "ClientToken")) < 1 || len(text(body, "ClientToken")) > 64:
		return nil, invalid("ClientToken must have 1 to 64 characters")
	}
	for _, one := range s.statements {
		if one.token == text(body, "ClientToken") && s.now.Sub(one.created) < tokenKnown {
			if !slices.Equal(one.sqls, sqls) {
				return nil, invalid("the client token was used for another request")
			}
			return map[string]any{"Id": one.id}, nil
		}
	}
	one := &statement{
		id: fmt.Sprintf("d9b6c0c9-0747-4bf4-b142-%012d", len(s.requests)), name: text(body, "StatementName"), token: text(body, "ClientToken"),
		sqls: sqls, batch: batch, status: "STARTED", subs: make([]sub, len(sqls)), created: s.now,
	}
	s.statements = append(s.statements, one)
	return map[string]any{"Id": one.id, "Database": text(body, "Database"), "CreatedAt": float64(s.now.Unix())}, nil
}

// advance carries a statement out, unless it is held.
func (s *Server) advance(one *statement) {
	if one.status != "STARTED" || s.Held {
		return
	}
	transaction := s.committed.begin()
	for i, sql := range one.sqls {
		rows, err := transaction.run(sql)
		if s.Break != nil && err == nil {
			err = s.Break(sql)
		}
		if err != nil {
			one.status, one.words = "FAILED", fmt.Sprintf("Query #%d failed with %s", i+1, err)
			one.subs[i] = sub{"FAILED", err.Error(), nil}
			for j := i + 1; j < len(one.subs); j++ {
				one.subs[j].status = "ABORTED"
			}
			return
		}
		one.subs[i] = sub{"FINISHED", "", rows}
	}
	one.status = "FINISHED"
	s.committed.tables, s.committed.ledger = transaction.tables, transaction.ledger
}

func (one *statement) described() any {
	answer := map[string]any{"Id": one.id, "Status": one.status, "HasResultSet": false, "ResultRows": 0, "RedshiftQueryId": 0}
	if one.words != "" {
		answer["Error"] = one.words
	}
	if !one.batch {
		answer["ResultRows"], answer["HasResultSet"] = len(one.subs[0].rows), true
		return answer
	}
	subs := make([]any, len(one.subs))
	for i, part := range one.subs {
		subs[i] = map[string]any{
			"Id": fmt.Sprintf("%s:%d", one.id, i+1), "Status": part.status, "QueryString": one.sqls[i], "Error": part.words,
			"ResultRows": len(part.rows), "RedshiftQueryId": 1000 + i, // of a COPY, the API answers 0 rows
		}
		if part.status == "" {
			subs[i].(map[string]any)["Status"] = "SUBMITTED"
		}
	}
	answer["SubStatements"] = subs
	return answer
}

func (one *statement) result(part string) (any, *Refusal) {
	at := 1
	if one.batch {
		if _, err := fmt.Sscan(part, &at); err != nil || at < 1 || at > len(one.subs) {
			return nil, invalid("Id must name a statement of the batch")
		}
	}
	if one.status != "FINISHED" {
		return nil, &Refusal{http.StatusBadRequest, "ResourceNotFoundException", "Query does not have result. Please check query status with DescribeStatement."}
	}
	records := []any{}
	for _, row := range one.subs[at-1].rows {
		fields := make([]any, len(row))
		for i, value := range row {
			fields[i] = map[string]any{"longValue": value}
			if _, words := value.(string); words {
				fields[i] = map[string]any{"stringValue": value}
			}
		}
		records = append(records, fields)
	}
	return map[string]any{"Records": records, "TotalNumRows": len(records), "ColumnMetadata": []any{map[string]any{"name": "n", "typeName": "int8"}}}, nil
}
