package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"

	"consign/workflows"
)

// source is the configuration of a source over data.parquet, and a query of all of it.
const source = `
sources:
  - {name: files, type: duckdb, tables: [{name: customers, files: data.parquet}]}
queries:
  - {name: all, source: files, sql: "SELECT * FROM customers ORDER BY id"}
`

// judged is source with an alert that may refuse the rows, so that no part is sent before Upload begins.
var judged = strings.Replace(source, "ORDER BY id\"}", "ORDER BY id\", alerts: {fail_below: 1}}", 1)

// unsorted is source without an order, for which the engine would hold all rows.
var unsorted = strings.Replace(source, " ORDER BY id", "", 1)

// sends configures an orchestration that sends what the query all of a source finds. more, if there is any, is behind its
// name: "weekly-{site}, overlap: refuse".
func (s *site) sends(from, nameAndMore, credential, destination, template string) {
	s.t.Helper()
	s.configure(from + "destinations:" + s.destination("acme", credential, destination) + fmt.Sprintf(`
data_templates:
  - {name: t, destination: acme, settings: {%s}}
orchestrations:
  - {name: %s, query: all, data_template: t}
`, template, nameAndMore))
}

// configured is the site's configuration as it is.
func (s *site) configured() string {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	require.NoError(s.t, err)
	return string(text)
}

// edit replaces a text of the configuration wherever it stands.
func (s *site) edit(was, is string) {
	s.t.Helper()
	text := s.configured()
	require.Contains(s.t, text, was)
	s.write("consign.yaml", strings.ReplaceAll(text, was, is))
}

// begin starts a run and does not wait for it.
func (s *site) begin(orchestration, key string) {
	s.t.Helper()
	a := s.starter("send", s.id(orchestration), "--run-key", key)
	require.Equal(s.t, 0, a.code, "%s\n%s", a.out, a.err)
}

// parks sends, and waits until the run is parked.
func (s *site) parks(orchestration string) answer {
	s.t.Helper()
	a := s.starter("send", s.id(orchestration), "--run-key", "k", "--wait")
	require.Equal(s.t, 4, a.code, "%s\n%s", a.out, a.err)
	return a
}

// eventsOf are the events of a run's history.
func eventsOf(t *testing.T, workflowID string) []*history.HistoryEvent {
	t.Helper()
	var all []*history.HistoryEvent
	events := temporal.GetWorkflowHistory(t.Context(), workflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		all = append(all, event)
	}
	return all
}

// knownOf is how a run is getting on, and nothing if that is not known: it may not have begun.
func (s *site) knownOf(workflowID string) (p workflows.Progress) {
	value, err := temporal.QueryWorkflow(s.t.Context(), workflowID, "", workflows.QueryProgress)
	if err != nil || value.Get(&p) != nil {
		return workflows.Progress{}
	}
	return p
}

// proxyOf passes requests on to a store.
func proxyOf(t *testing.T, endpoint string) *httputil.ReverseProxy {
	t.Helper()
	target, err := url.Parse(endpoint)
	require.NoError(t, err)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
}
