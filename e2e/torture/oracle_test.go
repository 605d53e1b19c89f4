package torture_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	_ "github.com/duckdb/duckdb-go/v2" // the reader that checks
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"consign/activities"
)

// A delivery is what an orchestration of the test sends, and how its customer reads it.
type delivery struct {
	name, settings string
	keys           []string // of its data
	sides          []string // of its receipt and manifest
	done           string
	read           string // DuckDB's reader of the unpacked files
}

// all are the keys of a delivery that is complete.
func (d delivery) all() []string { return slices.Concat(d.keys, d.sides, []string{d.done}) }

// side is the key of the receipt, or of the manifest; empty: there is to be none.
func (d delivery) side(extension string) string {
	for _, key := range d.sides {
		if strings.HasSuffix(key, extension) {
			return key
		}
	}
	return ""
}

const (
	splits  = 6
	columns = `{id: 'BIGINT', note: 'VARCHAR', balance: 'DECIMAL(18,2)', seen: 'TIMESTAMP', active: 'BOOLEAN'}`
	csvRead = `read_csv('%s/*.csv', header = true, quote = '"', escape = '"', delim = ',', nullstr = '', allow_quoted_nulls = false, columns = ` + columns + `)`
)

func deliveries() []delivery {
	parts := make([]string, splits)
	for i := range parts {
		parts[i] = fmt.Sprintf("csv/weekly/%07d.csv.gz.pgp", i+1)
	}
	return []delivery{
		{
			"csv", fmt.Sprintf(`file_format: csv, encoding: gzip, pgp_public_key: {file: %q}, split: {rows: %d}, filename: weekly, split_filename: "{{file_number}}.csv.gz", receipt: true, manifest: true`, pubKey, (*rows+splits-1)/splits),
			parts,
			[]string{"csv/weekly.manifest", "csv/weekly.receipt.json"},
			"csv/weekly.DONE", csvRead,
		},
		{"parquet", `file_format: parquet, filename: all.parquet`, []string{"parquet/all.parquet"}, nil, "parquet/all.parquet.DONE", `'%s/*.parquet'`},
		{"tgz", `file_format: csv, encoding: tgz, filename: all.tgz`, []string{"tgz/all.tgz"}, nil, "tgz/all.tgz.DONE", csvRead},
		{
			"ndjson", `file_format: ndjson, filename: all.ndjson, receipt: true`,
			[]string{"ndjson/all.ndjson"},
			[]string{"ndjson/all.ndjson.receipt.json"},
			"ndjson/all.ndjson.DONE", `read_ndjson('%s/*.ndjson', columns = ` + columns + `)`,
		},
	}
}

func (d delivery) workflow() string { return "send/" + d.name + "/k" }

// marker is a value of the rows: personal data, which nobody but the customer is to see.
const marker = "Zoë Łukasz 佐藤"

func makeData() error {
	return query(fmt.Sprintf(`COPY (SELECT i AS id, CASE i %% 4 WHEN 0 THEN NULL WHEN 1 THEN 'a "quoted", word' WHEN 2 THEN E'two\nlines' ELSE '%s' || md5(i::VARCHAR) || md5('x' || i) END AS note,
		CASE WHEN i %% 7 = 0 THEN NULL ELSE (i * 1.25)::DECIMAL(18,2) END AS balance, TIMESTAMP '2020-01-01' + to_seconds(i) AS seen, i %% 2 = 0 AS active
		FROM range(%d) t(i)) TO '%s' (FORMAT parquet)`, marker, *rows, data))
}

func query(text string, into ...any) (err error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if len(into) == 0 {
		_, err = db.Exec(text)
		return err
	}
	return db.QueryRow(text).Scan(into...)
}

// judge is the oracle: it returns what is wrong with the world now that it is over.
func (w *world) judge() []string {
	w.s3.late.Wait()
	violations := w.poller.stop()
	var keys []string
	for _, d := range deliveries() {
		wrong, want := w.judgeEnd(d)
		violations, keys = append(violations, wrong...), append(keys, want...)
	}
	violations = append(violations, w.judgeBucket(keys)...)
	violations = append(violations, w.judgeTurns()...)
	violations = append(violations, w.judgeSecrets()...)
	return append(violations, w.judgeFiles()...)
}

// judgeBucket looks for objects that are missing or too many, and for uploads left open.
func (w *world) judgeBucket(want []string) []string {
	var violations []string
	slices.Sort(want)
	got, err := list(context.Background(), w.stack.S3.Client())
	if err != nil {
		return []string{err.Error()}
	}
	var keys []string
	for _, o := range got {
		keys = append(keys, *o.Key)
	}
	if !slices.Equal(want, keys) {
		violations = append(violations, fmt.Sprintf("the bucket holds %v, not %v", keys, want))
	}
	var open []string
	for deadline := time.Now().Add(awake); time.Now().Before(deadline); <-time.After(200 * time.Millisecond) {
		if open = w.openUploads(); len(open) == 0 {
			break
		}
	}
	return append(violations, open...)
}

// judgeTurns waits until nobody has a turn any more, and says who has.
func (w *world) judgeTurns() []string {
	var running []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(200 * time.Millisecond) {
		running = nil
		for _, d := range deliveries() {
			if over, err := activities.Closed(context.Background(), w.client, activities.TurnID(d.name)); err != nil || !over {
				running = append(running, fmt.Sprintf("the turn of %s goes on (%v)", d.name, err))
			}
		}
		if len(running) == 0 {
			return nil
		}
	}
	return running
}

// judgeRows reads the delivery back as the customer would, and compares every row.
func (w *world) judgeRows(d delivery) error {
	dir := filepath.Join(w.dir, "got", d.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, key := range d.keys {
		path := filepath.Join(dir, fmt.Sprintf("%d-%s", i, filepath.Base(key)))
		text, err := w.fetch(key)
		if err == nil {
			err = os.WriteFile(path, text, 0o600)
		}
		if err != nil {
			return err
		}
		if err := unpack(dir, path); err != nil {
			return err
		}
	}
	reader := fmt.Sprintf(d.read, dir)
	var missing, extra int
	err := query(fmt.Sprintf(`SELECT (SELECT count(*) FROM (FROM '%[1]s' EXCEPT ALL FROM %[2]s)), (SELECT count(*) FROM (FROM %[2]s EXCEPT ALL FROM '%[1]s'))`, data, reader), &missing, &extra)
	if err == nil && missing+extra > 0 {
		err = fmt.Errorf("%d rows are missing, %d too many", missing, extra)
	}
	return err
}

func unpack(dir, path string) error {
	if packed, ok := strings.CutSuffix(path, ".pgp"); ok {
		if err := gpg("--output", packed, "--decrypt", path); err != nil {
			return err
		}
		path = packed
	}
	switch filepath.Ext(path) {
	case ".gz":
		return command("gunzip", path)
	case ".tgz":
		return command("tar", "-xzf", path, "-C", dir)
	}
	return nil
}

// judgeOrder holds what S3 was asked against promise 1: before anybody asked for the first completion of a delivery, S3
// had listed every byte of every object, of receipt and manifest too, and the answer was heard; before anybody asked for these
// two, every object of the data was known to be there; and before anybody asked for the success file, all were. Requests count
// whatever became of them.
func (w *world) judgeOrder(d delivery) []string {
	var violations []string
	record := w.s3.exchanges()
	first, done := firstAsked(record, "complete", d.keys...), firstAsked(record, "put", d.done)
	beside := min(firstAsked(record, "complete", d.sides...), done)
	for _, key := range slices.Concat(d.keys, d.sides) {
		next := done
		if slices.Contains(d.keys, key) {
			next = beside
		}
		known := knownOf(record, key, first, next)
		if size := w.poller.size(key); known.listed != size {
			violations = append(violations, fmt.Sprintf("%s: S3 had listed %d of %d bytes when the delivery's first object was completed, at %v", key, known.listed, size, first))
		}
		if !known.there {
			violations = append(violations, fmt.Sprintf("%s: not known to be there when what comes after it was asked for, at %v", key, next))
		}
		if len(known.uploads) > 1 {
			violations = append(violations, key+" was completed twice, from different uploads")
		}
	}
	return violations
}

// firstAsked is when somebody first asked for something of one of the keys.
func firstAsked(record []exchange, kind string, keys ...string) time.Duration {
	first := time.Duration(1 << 62)
	for _, x := range record {
		if x.kind == kind && slices.Contains(keys, x.key) {
			first = min(first, x.asked)
		}
	}
	return first
}

// A knowledge is what was known of an object.
type knowledge struct {
	listed  int64 // bytes, when the first object was asked for
	there   bool  // when what comes after it was
	uploads map[string]bool
}

func knownOf(record []exchange, key string, first, next time.Duration) knowledge {
	known := knowledge{uploads: map[string]bool{}}
	for _, x := range record {
		switch {
		case x.key != key || x.status != http.StatusOK:
		case x.kind == "parts" && x.heard && x.answered <= first:
			known.listed = max(known.listed, x.size)
		case x.kind == "complete":
			known.uploads[x.upload] = true
			known.there = known.there || x.answered <= next
		case x.kind == http.MethodHead && x.heard:
			known.there = known.there || x.answered <= next
		}
	}
	return known
}

// judgeSecrets looks into every history and every log.
func (w *world) judgeSecrets() []string {
	var violations []string
	look := func(where string, text []byte) {
		for name, secret := range map[string]string{"the secret key": userSecret, "the external id": externalID, "a value of a row": marker, "the owner's key": w.stack.S3.SecretKey} {
			if bytes.Contains(text, []byte(secret)) {
				violations = append(violations, where+" holds "+name)
			}
		}
	}
	for _, h := range w.hosts {
		look(fmt.Sprintf("the log of host %d", h.number), []byte(h.logs.String()))
		for _, bad := range []string{"panic: ", "fatal error: ", "DATA RACE", "nondeterministic"} {
			if h.logs.count(bad) > 0 {
				violations = append(violations, fmt.Sprintf("host %d says %s", h.number, bad))
			}
		}
	}
	runs, err := w.client.ListWorkflow(context.Background(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: "default", PageSize: 1000})
	if err != nil {
		return append(violations, err.Error())
	}
	for _, run := range runs.GetExecutions() {
		id := run.GetExecution().GetWorkflowId()
		_, events := w.history(id)
		for _, e := range events {
			raw, err := proto.Marshal(e) // payloads as they are, not in base64
			if err != nil {
				return append(violations, err.Error())
			}
			look("the history of "+id, raw)
		}
	}
	return violations
}

// judgeFiles looks into the workspaces. What a host could not clean when it was told to, its janitor removes when the
// worker starts (and every minute): so a worker with leftovers is started again, which is quicker than the minute.
func (w *world) judgeFiles() []string {
	left := func() []string { return append(w.hosts[0].files(), w.hosts[1].files()...) }
	for try := 0; len(left()) > 0 && try < 40; try++ {
		if try == 0 {
			for _, h := range w.hosts {
				h.down(15)
				h.up()
			}
		}
		<-time.After(500 * time.Millisecond)
	}
	return left()
}

// history reads what Temporal knows of a workflow. It is asked again while the server is too busy to answer.
func (w *world) history(id string) (string, []*history.HistoryEvent) {
	whole := &history.History{}
	w.insist("read the history of "+id, func(ctx context.Context) error {
		whole.Events = nil
		events := w.client.GetWorkflowHistory(ctx, id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			if err != nil {
				return err
			}
			whole.Events = append(whole.Events, event)
		}
		return nil
	})
	text, err := protojson.MarshalOptions{Indent: " "}.Marshal(whole)
	if err != nil {
		return err.Error(), nil
	}
	return string(text), whole.Events
}

func TestTheOracleSeesWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := &world{t: t, s3: newFront(t, "http://127.0.0.1:1", 1), poller: &poller{seen: map[string]types.Object{}}}
	d := delivery{keys: []string{"a"}, sides: []string{"a.receipt.json"}, done: "a.DONE"}
	size := int64(10)
	w.poller.seen["a"], w.poller.seen["a.receipt.json"] = types.Object{Size: &size}, types.Object{Size: &size}
	w.s3.record = []exchange{
		{asked: 1, answered: 2, kind: "parts", key: "a", upload: "u", size: 10, status: 200, heard: true},
		{asked: 3, answered: 4, kind: "complete", key: "a", upload: "u", status: 200},
		{asked: 7, answered: 8, kind: "put", key: "a.DONE", status: 200},
		{asked: 1, answered: 2, kind: "parts", key: "a.receipt.json", upload: "v", size: 10, status: 200, heard: true},
		{asked: 5, answered: 6, kind: "complete", key: "a.receipt.json", upload: "v", status: 200},
	}
	require.Empty(t, w.judgeOrder(d))
	whole := slices.Clone(w.s3.record)
	for i, change := range []func(x []exchange){
		func(x []exchange) { x[0].size = 9 }, func(x []exchange) { x[0].heard = false }, func(x []exchange) { x[0].answered = 4 },
		func(x []exchange) { x[1].status = 500 }, func(x []exchange) { x[2].asked = 3 }, func(x []exchange) { x[2].asked = 5 },
		func(x []exchange) { x[3].answered = 4 }, func(x []exchange) { x[4].asked = 3 }, func(x []exchange) { x[4].status = 500 },
	} {
		w.s3.record = slices.Clone(whole)
		change(w.s3.record)
		require.NotEmpty(t, w.judgeOrder(d), "change %d", i)
	}
}
