package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/naming"
	"consign/internal/plan"
)

func TestObjectsAndEntriesHaveTheirNames(t *testing.T) {
	t.Parallel()
	base := plan.Names{Prefix: "upload", Extension: "csv", Now: now, Orchestration: "my send", Query: "q", RunID: "r-1"}
	named := func(change func(*plan.Names)) plan.Names {
		n := base
		change(&n)
		return n
	}
	for _, test := range []struct {
		name  string
		names plan.Names
		keys  map[int]string
		entry map[int]string
	}{
		{
			"one file", named(func(n *plan.Names) { n.Filename = "{{orchestration_name}}_{{now|format:'yyyy'}}.csv" }),
			map[int]string{1: "upload/my_send_2026.csv"},
			nil,
		},
		{
			"no prefix", named(func(n *plan.Names) { n.Prefix, n.Filename = "", "a/b.csv" }),
			map[int]string{1: "a/b.csv"},
			nil,
		},
		{
			"one encrypted file", named(func(n *plan.Names) { n.Filename, n.Encrypted = "a.csv.gz", true }),
			map[int]string{1: "upload/a.csv.gz.pgp"},
			nil,
		},
		{
			"a numbered file without a split", named(func(n *plan.Names) { n.Filename = "a-{{file_number}}.csv" }),
			map[int]string{1: "upload/a-0000001.csv"},
			nil,
		},
		{
			"parts in a folder", named(func(n *plan.Names) { n.Filename, n.Parts, n.Encrypted = "{{query_name}}/", "{{file_number}}.csv", true }),
			map[int]string{1: "upload/q/0000001.csv.pgp", 12: "upload/q/0000012.csv.pgp", 9_999_999: "upload/q/9999999.csv.pgp"},
			nil,
		},
		{
			"one archive", named(func(n *plan.Names) {
				n.Filename, n.Archive, n.ArchiveExtension, n.Encrypted = "d/q_2026_11_23.tgz", true, "tgz", true
			}),
			map[int]string{1: "upload/d/q_2026_11_23.tgz.pgp", 5: "upload/d/q_2026_11_23.tgz.pgp"},
			map[int]string{1: "q_2026_11_23.csv"},
		},
		{
			"an archive with the long extension", named(func(n *plan.Names) { n.Filename, n.Archive, n.ArchiveExtension = "q.tar.gz", true, "tgz" }),
			map[int]string{1: "upload/q.tar.gz"},
			map[int]string{1: "q.csv"},
		},
		{
			"an archive with the format in its name", named(func(n *plan.Names) { n.Filename, n.Archive, n.ArchiveExtension = "q.csv.ZIP", true, "zip" }),
			map[int]string{1: "upload/q.csv.ZIP"},
			map[int]string{1: "q.csv"},
		},
		{
			"an archive without extension", named(func(n *plan.Names) { n.Filename, n.Archive, n.ArchiveExtension = "q.2026", true, "tar" }),
			map[int]string{1: "upload/q.2026"},
			map[int]string{1: "q.2026.csv"},
		},
		{
			"an archive of parts", named(func(n *plan.Names) {
				n.Filename, n.Parts, n.Archive, n.ArchiveExtension = "q.zip", "p/{{file_number}}.csv", true, "zip"
			}),
			map[int]string{1: "upload/q.zip", 2: "upload/q.zip"},
			map[int]string{1: "p/0000001.csv", 2: "p/0000002.csv"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for number, want := range test.keys {
				key, err := test.names.Key(number)
				require.NoError(t, err)
				require.Equal(t, want, key)
			}
			for number, want := range test.entry {
				entry, err := test.names.Entry(number)
				require.NoError(t, err)
				require.Equal(t, want, entry)
			}
		})
	}
}

func TestNamesThatCannotBeSayWhy(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]plan.Names{
		"a template that is none":        {Filename: "{{", Extension: "csv"},
		"a variable that the run lacks":  {Filename: "{{campaign_name}}", Extension: "csv"},
		"a part that cannot be rendered": {Filename: "a", Parts: "{{group_name}}", Extension: "csv"},
	} {
		_, err := n.Key(1)
		require.ErrorIs(t, err, naming.ErrTemplate, name)
		n.Archive = true
		_, err = n.Entry(1)
		require.ErrorIs(t, err, naming.ErrTemplate, name)
	}
	for name, filename := range map[string]string{"a folder": "a/", "a control character": "a\tb", "two slashes": "a//b"} {
		_, err := plan.Names{Filename: filename, Extension: "csv"}.Key(1)
		require.ErrorIs(t, err, naming.ErrName, name)
	}
	_, err := plan.Names{Parts: "../{{file_number}}", Extension: "csv", Archive: true}.Entry(1)
	require.ErrorIs(t, err, naming.ErrName)
}

func TestSideFilesStandBesideWhatTheyDescribe(t *testing.T) {
	t.Parallel()
	c := load(t, "testdata/consign.yaml")
	for name, want := range map[string][3]string{
		"one-file": {"upload/crm/vips_2026-11-23.csv.gz.DONE", "upload/crm/vips_2026-11-23.csv.gz.manifest", "upload/crm/vips_2026-11-23.csv.gz.receipt.json"},
		"parts":    {"upload/crm/parts.DONE", "upload/crm/parts.manifest", "upload/crm/parts.receipt.json"},
		"archive":  {"archive_2026-11-23_060000.tgz.pgp.DONE", "", ""},
	} {
		p, err := plan.Make(c, requests[name], schema)
		require.NoError(t, err)
		require.Equal(t, want, [3]string{p.SuccessKey, p.ManifestKey, p.ReceiptKey}, name)
	}
	none := write(t, "success_file: true, manifest: true, receipt: true", "sse: none")
	p, err := plan.Make(none, requests["one-file"], schema)
	require.NoError(t, err)
	require.Empty(t, p.SuccessKey+p.ManifestKey+p.ReceiptKey)
}
