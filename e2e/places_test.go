package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A host with one place takes the next run as soon as the files of the one before are all in S3: Publish needs no host,
// and may take minutes for a large delivery.
func TestARunGivesItsPlaceToTheNextBeforeItIsPublished(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	g := s.gate("CompleteMultipartUpload", 0)
	s.configure("worker: {runs: 1}" + source + "destinations:" + s.destination("acme", "platform", "file_format: csv, success_file: true") + `
data_templates:
  - {name: t, destination: acme, settings: {filename: "{{orchestration_name}}.csv"}}
orchestrations:
  - {name: first-{site}, query: all, data_template: t}
  - {name: second-{site}, query: all, data_template: t}
`)
	s.worker()
	for _, name := range []string{"first", "second"} {
		require.Zero(t, s.starter("send", s.id(name), "--run-key", "k").code)
	}
	// Each run sends two small parts: AssumeRole's, and its file.
	eventually(t, "both have sent their file, and neither is published", func() bool { return g.answered("TryPart") == 4 })
	g.release()
	for _, name := range []string{"first", "second"} {
		s.send(s.id(name), "--run-key", "k")
	}
	require.Len(t, s.keys(), 4)
	s.nothingLeft()
}
