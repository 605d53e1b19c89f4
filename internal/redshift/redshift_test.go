package redshift_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"consign/internal/awserror"
	"consign/internal/redshift"
	"consign/internal/redshift/redshifttest"
)

// now is when the tests' loads are asked for.
var now = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

const (
	runID  = "0197f3a2-run"
	loadID = runID + "-1/2"
)

const copyVips = `COPY "crm"."vips" ("id", "e""mail")
FROM 's3://acme-inbound/upload/vips.manifest'
IAM_ROLE 'arn:aws:iam::111122223333:role/load'
FORMAT AS CSV
QUOTE AS '"'
DELIMITER ','
ENCODING UTF8
IGNOREHEADER 1
GZIP
REGION 'eu-west-1'
MANIFEST;`

func load() redshift.Load {
	return redshift.Load{ID: loadID, Run: runID, Copy: copyVips, Rows: 7, Since: now}
}

// warehouse returns a server whose COPY reads seven rows, and the options that reach it.
func warehouse(t *testing.T) (*redshifttest.Server, redshift.Options) {
	t.Helper()
	s := redshifttest.New(7, now)
	t.Cleanup(s.Close)
	o := redshift.Options{Cluster: "warehouse", Database: "dev", DBUser: "loader", Table: "crm.vips", Ledger: "crm.consign_loads", Region: "eu-central-1", Endpoint: s.URL}
	require.NoError(t, o.Validate().Err())
	return s, o
}

func client(o redshift.Options) *redshift.Client {
	return redshift.New(credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "s3cr3t-value", "a-session"), o)
}

// do submits a load and waits for it.
func do(t *testing.T, o redshift.Options, l redshift.Load) (redshift.Loaded, error) {
	t.Helper()
	c := client(o)
	id, err := c.Submit(t.Context(), l, now)
	require.NoError(t, err)
	require.NotEmpty(t, id)
	return c.Wait(t.Context(), l, id)
}

func TestALoadIsOneTransactionThatTheLedgerNotes(t *testing.T) {
	t.Parallel()
	s, o := warehouse(t)
	done, err := do(t, o, load())
	require.NoError(t, err)
	require.Equal(t, redshift.Loaded{Rows: 7, Query: 1003}, done)
	require.EqualValues(t, 7, s.Rows("crm.vips"))
	noted, there := s.Noted(loadID)
	require.True(t, there)
	require.EqualValues(t, 7, noted)

	asked := s.Requests("BatchExecuteStatement")
	require.Len(t, asked, 1)
	require.Equal(t, "AKIAEXAMPLE", asked[0].Key)
	require.Equal(t, "a-session", asked[0].Token)
	require.Equal(t, "eu-central-1", asked[0].Region)
	body := asked[0].Body
	require.Equal(t, "warehouse", body["ClusterIdentifier"])
	require.Equal(t, "dev", body["Database"])
	require.Equal(t, "loader", body["DbUser"])
	require.NotContains(t, body, "WorkgroupName")
	require.NotContains(t, body, "SecretArn")
	require.Equal(t, "consign/"+loadID+"/0", body["StatementName"])
	require.Regexp(t, `^[0-9a-f]{64}$`, body["ClientToken"])
	isLoad := ` WHERE load_id = '` + loadID + `' OR (load_id LIKE '` + runID + `-%' AND LOWER(loaded_into) = 'crm.vips')`
	require.Equal(t, []any{
		`LOCK "crm"."consign_loads"`,
		`SELECT loaded_rows FROM "crm"."consign_loads"` + isLoad,
		`SELECT 1 / CASE WHEN count(*) = 0 THEN 1 ELSE 0 END FROM "crm"."consign_loads"` + isLoad,
		strings.TrimSuffix(copyVips, ";"),
		`SELECT pg_last_copy_count()`,
		`SELECT 1 / CASE WHEN pg_last_copy_count() = 7 THEN 1 ELSE 0 END`,
		`INSERT INTO "crm"."consign_loads" (load_id, loaded_into, loaded_rows, loaded_at) VALUES ('` + loadID + `', 'crm.vips', 7, GETDATE())`,
	}, body["Sqls"])
}

func TestAWorkgroupIsAskedWithASecretAndWithoutALedger(t *testing.T) {
	t.Parallel()
	s, _ := warehouse(t)
	secret := "arn:aws:secretsmanager:eu-west-1:111122223333:secret:loader-AbCdEf"
	o := redshift.Options{Workgroup: "reports", Database: "dev", SecretARN: secret, Table: "vips", Region: "eu-west-1", Endpoint: s.URL}
	require.NoError(t, o.Validate().Err())
	done, err := do(t, o, into(o))
	require.NoError(t, err)
	require.EqualValues(t, 7, done.Rows)
	body := s.Requests("BatchExecuteStatement")[0].Body
	require.Equal(t, "reports", body["WorkgroupName"])
	require.Equal(t, secret, body["SecretArn"])
	require.Len(t, body["Sqls"], 3)
}

func TestALoadIsDoneOnceHoweverOftenItIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ledger bool
		passes time.Duration // before it is asked for again
		round  int           // of the second time
		lost   bool          // nobody has heard the first answer
		again  bool          // a second statement, which the ledger stops
		finds  int           // questions for the statement's name
	}{
		"at once, without a ledger":                    {passes: 0, lost: true},
		"after an hour, when the token may be old":     {passes: 2 * time.Hour, lost: true, finds: 1},
		"when the token is forgotten, by its name":     {passes: 9 * time.Hour, lost: true, finds: 1},
		"after a day, by the ledger":                   {ledger: true, passes: 25 * time.Hour, lost: true, finds: 1, again: true},
		"as another round, by the ledger":              {ledger: true, passes: time.Minute, round: 1, again: true},
		"by a run that was reset after days":           {ledger: true, passes: 100 * time.Hour, again: true, finds: 1},
		"at once, with a ledger, by the token as well": {ledger: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o := warehouse(t)
			if !c.ledger {
				o.Ledger = ""
			}
			s.Lose = func(operation string, n int) bool { return c.lost && operation == "BatchExecuteStatement" && n <= 3 } // the SDK tries three times
			first := load()
			id, err := client(o).Submit(t.Context(), first, now)
			if c.lost {
				require.ErrorIs(t, err, awserror.ErrUnreachable)
				id = "unheard"
			} else {
				require.NoError(t, err)
			}
			if id != "unheard" || c.again {
				_, err = client(o).Wait(t.Context(), first, s.Statement(0))
				require.NoError(t, err)
			}
			s.Pass(c.passes)
			second := load()
			second.Round = c.round
			again, err := client(o).Submit(t.Context(), second, now.Add(c.passes))
			require.NoError(t, err)
			done, err := client(o).Wait(t.Context(), second, again)
			require.NoError(t, err)
			require.EqualValues(t, 7, done.Rows)
			require.Equal(t, c.again, done.Again)
			require.EqualValues(t, 7, s.Rows("crm.vips"), "and not twice as many")
			require.Len(t, s.Requests("ListStatements"), c.finds)
		})
	}
}

func TestWithoutALedgerNobodyKnowsAfterADay(t *testing.T) {
	t.Parallel()
	s, o := warehouse(t)
	o.Ledger = ""
	c, l := client(o), load()
	id, err := c.Submit(t.Context(), l, now)
	require.NoError(t, err)
	s.Pass(25 * time.Hour)
	_, err = c.Submit(t.Context(), l, now.Add(25*time.Hour))
	require.ErrorIs(t, err, redshift.ErrUncertain)
	require.Len(t, s.Requests("BatchExecuteStatement"), 1, "it is not submitted again")
	_, err = c.Wait(t.Context(), l, id)
	require.ErrorIs(t, err, redshift.ErrUncertain)
}

func TestALoadThatFailsLoadsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		read  func(redshifttest.Copy) (int64, error)
		cause error
		says  []string
		hides []string
	}{
		"a table that is not there": {
			func(redshifttest.Copy) (int64, error) {
				return 0, errors.New(`ERROR: Cannot COPY into nonexistent table "vips"`)
			},
			redshift.ErrFailed,
			[]string{"load into crm.vips", "COPY (query 1003)", `nonexistent table "vips"`},
			nil,
		},
		"a row that does not fit": {
			func(redshifttest.Copy) (int64, error) {
				return 0, errors.New(`ERROR: Load into table 'vips' failed. Invalid value 'jane@example.com' of "e""mail" near 4711, jane@example.org. Check 'sys_load_error_detail' system table for details.`) //nolint:revive // as Redshift says it
			},
			redshift.ErrFailed,
			[]string{"table 'vips' failed", "for details"},
			[]string{"jane", "example", "4711"},
		},
		"fewer rows than were delivered": {
			func(redshifttest.Copy) (int64, error) { return 6, nil },
			redshift.ErrRows,
			[]string{"did not read 7 rows"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o := warehouse(t)
			s.Read = c.read
			_, err := do(t, o, load())
			require.ErrorIs(t, err, c.cause)
			for _, words := range c.says {
				require.ErrorContains(t, err, words)
			}
			for _, words := range c.hides {
				require.NotContains(t, err.Error(), words)
			}
			require.Zero(t, s.Rows("crm.vips"))
			_, noted := s.Noted(loadID)
			require.False(t, noted)

			s.With(func() { s.Read = func(redshifttest.Copy) (int64, error) { return 7, nil } })
			l := load()
			l.Round = 1
			_, err = do(t, o, l)
			require.NoError(t, err, "the next round loads it")
			require.EqualValues(t, 7, s.Rows("crm.vips"))
		})
	}
}

func TestALookIntoTheLedgerThatFailsForAnotherReasonIsNoLoad(t *testing.T) {
	t.Parallel()
	s, o := warehouse(t)
	s.With(func() {
		s.Break = func(sql string) error {
			if strings.Contains(sql, "count(*)") {
				return errors.New("ERROR: the leader node restarts")
			}
			return nil
		}
	})
	_, err := do(t, o, load())
	require.ErrorIs(t, err, redshift.ErrFailed)
	require.ErrorContains(t, err, "look into the ledger")
	require.Zero(t, s.Rows("crm.vips"))
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, o := warehouse(t)
	s.Held = true
	c, l := client(o), load()
	id, err := c.Submit(t.Context(), l, now)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.Wait(ctx, l, id)
		ended <- err
	}()
	require.Eventually(t, func() bool { return len(s.Requests("DescribeStatement")) > 1 }, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestWhatTheDataAPIRefusesIsToldByItsCode(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		status int
		cause  error
		tries  int
	}{
		"AccessDeniedException":             {400, awserror.ErrDenied, 1},
		"ValidationException":               {400, awserror.ErrRefused, 1},
		"ExpiredTokenException":             {400, awserror.ErrExpired, 1},
		"UnrecognizedClientException":       {400, awserror.ErrBadKey, 1},
		"InvalidSignatureException":         {403, awserror.ErrSignature, 1},
		"ThrottlingException":               {400, awserror.ErrThrottled, 3},
		"ActiveStatementsExceededException": {400, awserror.ErrThrottled, 1},
		"InternalServerException":           {500, awserror.ErrServer, 3},
		"BatchExecuteStatementException":    {500, awserror.ErrServer, 3},
		"SomethingNewException":             {418, awserror.ErrRefused, 1},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s, o := warehouse(t)
			s.Refuse = func(string, int) *redshifttest.Refusal {
				return &redshifttest.Refusal{Status: c.status, Code: code, Message: "User AKIAEXAMPLE with a-session is not welcome"}
			}
			_, err := client(o).Submit(t.Context(), load(), now)
			require.ErrorIs(t, err, c.cause)
			require.ErrorContains(t, err, "submit the load into crm.vips")
			require.ErrorContains(t, err, code)
			require.NotContains(t, err.Error(), "AKIAEXAMPLE")
			require.NotContains(t, err.Error(), "a-session")
			require.Len(t, s.Requests("BatchExecuteStatement"), c.tries)
		})
	}
}

func TestADataAPIThatIsNotThereIsUnreachable(t *testing.T) {
	t.Parallel()
	s, o := warehouse(t)
	s.Close()
	_, err := client(o).Submit(t.Context(), load(), now)
	require.ErrorIs(t, err, awserror.ErrUnreachable)
}

// TestAnAnswerThatSaysNothingIsNoSuccess: a gateway in between answers for the Data API, which has not been asked.
func TestAnAnswerThatSaysNothingIsNoSuccess(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]string{"no body": "", "another answer": `{"status": "ok"}`, "a page": "<html><body>back soon</body></html>"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }))
			t.Cleanup(s.Close)
			_, o := warehouse(t)
			o.Endpoint = s.URL
			_, err := client(o).Submit(t.Context(), load(), now)
			require.ErrorIs(t, err, awserror.ErrServer)
			require.ErrorContains(t, err, "submit the load into crm.vips")
			_, err = client(o).Wait(t.Context(), load(), "d9b6c0c9-0747-4bf4-b142-000000000001")
			require.ErrorIs(t, err, awserror.ErrServer, "it is not waited for until the step's time is over")
		})
	}
}

func TestThrottlingPassesByItself(t *testing.T) {
	t.Parallel()
	s, o := warehouse(t)
	s.Refuse = func(_ string, n int) *redshifttest.Refusal {
		if n == 1 {
			return &redshifttest.Refusal{Status: http.StatusBadRequest, Code: "ThrottlingException", Message: "Rate exceeded"}
		}
		return nil
	}
	done, err := do(t, o, load())
	require.NoError(t, err)
	require.EqualValues(t, 7, done.Rows)
	tries := s.Requests("BatchExecuteStatement")
	require.Len(t, tries, 2)
	require.Equal(t, tries[0].Body["ClientToken"], tries[1].Body["ClientToken"])
}

func TestNamesAndIDsCannotLeaveTheirQuotes(t *testing.T) {
	t.Parallel()
	s, o := warehouse(t)
	l := load()
	l.ID = `x'); DROP TABLE "crm"."vips"; --`
	_, err := do(t, o, l)
	require.NoError(t, err, "the strict server takes it for one constant")
	_, noted := s.Noted(strings.ReplaceAll(l.ID, "'", "''"))
	require.True(t, noted)
	for _, name := range []string{`a"b`, "a b", "a;b", "a.b.c", "", ".", "a.", "ä", "1a", strings.Repeat("a", 128)} {
		o.Table = name
		require.Error(t, o.Validate().Err(), "%q", name)
	}
}

func TestEveryRoundHasATokenAndANameOfItsOwn(t *testing.T) {
	t.Parallel()
	s, o := warehouse(t)
	o.Ledger = ""
	s.Held = true
	for round := range 3 {
		l := load()
		l.Round = round
		_, err := client(o).Submit(t.Context(), l, now)
		require.NoError(t, err)
	}
	seen := map[string]bool{}
	for _, r := range s.Requests("BatchExecuteStatement") {
		seen[fmt.Sprint(r.Body["ClientToken"], r.Body["StatementName"])] = true
	}
	require.Len(t, seen, 3)
}
