package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"consign/workflows"
)

// download brings every object below the site's folder "received", under its whole key, as copying a bucket does.
func (s *site) download() string {
	s.t.Helper()
	for _, key := range s.keys() {
		out, err := s.s3.GetObject(s.t.Context(), &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
		require.NoError(s.t, err)
		body, err := io.ReadAll(out.Body)
		require.NoError(s.t, err)
		require.NoError(s.t, out.Body.Close())
		s.write(filepath.Join("received", key), string(body))
	}
	return s.path("received")
}

// A finding is what `starter verify -o json` says.
type finding struct {
	OK      bool  `json:"ok"`
	Objects int   `json:"objects"`
	Rows    int64 `json:"rows"`
	Failed  int   `json:"failed"`
	Skipped int   `json:"skipped"`
	Checks  []struct {
		Key, Check, State, Message string
	} `json:"checks"`
}

// verify runs `starter verify` as a recipient does: without a configuration.
func (s *site) verify(status int, args ...string) finding {
	s.t.Helper()
	s.config = "/nonexistent"
	a := s.starter(append([]string{"verify", "-o", "json"}, args...)...)
	require.Equal(s.t, status, a.code, "%s\n%s", a.out, a.err)
	var f finding
	require.NoError(s.t, json.Unmarshal([]byte(a.out), &f), a.out)
	require.Equal(s.t, status == 0, f.OK)
	return f
}

// wrong returns the checks that failed.
func (f finding) wrong() []string {
	var list []string
	for _, c := range f.Checks {
		if c.State == "failed" {
			list = append(list, c.Key+": "+c.Check+": "+c.Message)
		}
	}
	return list
}

func TestASplitDeliveryIsVerifiedByItsReceipt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(2500))
	home := s.gpgHome()
	s.sends(source, "weekly-{site}", "role",
		"prefix: in, file_format: csv, encoding: gzip, pgp_public_key: {file: acme.asc}, success_file: true, manifest: true, receipt: true, on_conflict: fail",
		`split: {rows: 1000}, filename: "weekly", split_filename: "{{file_number}}.csv.gz"`)
	s.worker()
	c := s.send(s.id("weekly"))
	part := func(n int) string { return fmt.Sprintf("in/weekly/%07d.csv.gz.pgp", n) }
	require.Equal(t, []string{"in/weekly.DONE", "in/weekly.manifest", "in/weekly.receipt.json", part(1), part(2), part(3)}, s.keys())
	require.Equal(t, "in/weekly.receipt.json", c.Receipt)
	require.Equal(t, "in/weekly.manifest", c.Manifest)
	require.Len(t, c.Objects, 3)
	s.nothingLeft()
	dir := s.download()
	s.manifestLists(filepath.Join(dir, c.Manifest), c)
	text, err := os.ReadFile(filepath.Join(dir, c.Receipt))
	require.NoError(t, err)
	require.NotContains(t, string(text), "Łukasz")
	require.NotContains(t, string(text), "SELECT * FROM customers")

	secret := s.path("secret.asc")
	tool(t, "gpg", "--homedir", home, "--batch", "--quiet", "--output", secret, "--armor", "--export-secret-keys")
	args := []string{filepath.Join(dir, c.Receipt), "--dir", dir}
	opened := append(slices.Clone(args), "--decrypt", secret)
	all := s.verify(0, opened...)
	require.EqualValues(t, 2500, all.Rows)
	require.Len(t, all.Checks, 3*5)
	require.Zero(t, all.Skipped)
	require.Equal(t, 3, s.verify(0, args...).Skipped, "without the key the files are compared and not opened")

	other := s.gpgHome()
	tool(t, "gpg", "--homedir", other, "--batch", "--quiet", "--output", s.path("other.asc"), "--armor", "--export-secret-keys")
	wrong := s.verify(1, append(slices.Clone(args), "--decrypt", s.path("other.asc"))...).wrong()
	require.Len(t, wrong, 3)
	require.Contains(t, wrong[0], "decrypt: it is not encrypted to this key")

	flipped, err := os.ReadFile(filepath.Join(dir, part(2)))
	require.NoError(t, err)
	flipped[len(flipped)/2] ^= 1
	require.NoError(t, os.WriteFile(filepath.Join(dir, part(2)), flipped, 0o600))
	require.NoError(t, os.Remove(filepath.Join(dir, part(3))))
	wrong = s.verify(1, opened...).wrong()
	require.Len(t, wrong, 2)
	require.True(t, strings.HasPrefix(wrong[0], part(2)+": sha256: "), wrong[0])
	require.Equal(t, part(3)+": file: it is not there", wrong[1])
}

// manifestLists compares a manifest with the completion, object by object.
func (s *site) manifestLists(path string, c workflows.Completion) {
	s.t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(s.t, err)
	var m struct {
		Entries []struct {
			URL       string
			Mandatory bool
			Meta      struct {
				ContentLength int64 `json:"content_length"`
			}
		}
	}
	require.NoError(s.t, json.Unmarshal(text, &m))
	require.Len(s.t, m.Entries, len(c.Objects))
	for i, o := range c.Objects {
		require.Equal(s.t, "s3://"+o.Bucket+"/"+o.Key, m.Entries[i].URL)
		require.True(s.t, m.Entries[i].Mandatory)
		require.Equal(s.t, o.Bytes, m.Entries[i].Meta.ContentLength)
	}
}

func TestAnArchiveAParquetFileAndNothingAreVerifiedByTheirReceipts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(1500))
	s.configure(source + `
  - {name: none, source: files, sql: "SELECT * FROM customers WHERE id < 0"}
destinations:` + s.destination("acme", "platform", "success_file: true, receipt: true, manifest: true, on_empty: skip") + `
data_templates:
  - {name: tgz, destination: acme, settings: {file_format: ndjson, encoding: tgz, filename: "tgz.tgz", split: {rows: 400}, split_filename: "{{file_number}}.ndjson"}}
  - {name: parquet, destination: acme, settings: {file_format: parquet, filename: "all.parquet"}}
orchestrations:
  - {name: tgz-{site}, query: all, data_template: tgz}
  - {name: parquet-{site}, query: all, data_template: parquet}
  - {name: none-{site}, query: none, data_template: tgz, settings: {prefix: empty}}
`)
	s.worker()
	done := map[string]workflows.Completion{}
	for _, name := range []string{"tgz", "parquet", "none"} {
		done[name] = s.send(s.id(name))
	}
	require.Equal(t, []string{
		"all.parquet", "all.parquet.DONE", "all.parquet.manifest", "all.parquet.receipt.json",
		"empty/tgz.tgz.DONE", "empty/tgz.tgz.manifest", "empty/tgz.tgz.receipt.json",
		"tgz.tgz", "tgz.tgz.DONE", "tgz.tgz.manifest", "tgz.tgz.receipt.json",
	}, s.keys())
	s.nothingLeft()
	dir := s.download()
	for name, objects := range map[string]int{"tgz": 1, "parquet": 1, "none": 0} {
		s.manifestLists(filepath.Join(dir, done[name].Manifest), done[name])
		f := s.verify(0, filepath.Join(dir, done[name].Receipt)) // the files lie beside it
		require.Equal(t, objects, f.Objects, name)
		require.EqualValues(t, 1500*objects, f.Rows, name)
		require.Len(t, f.Checks, 3*objects, name)
		require.Zero(t, f.Skipped, name)
	}
}

// TestNothingOfADeliveryIsShownWhenItsReceiptCannotBe lets somebody's object lie where the receipt is to go: that is
// seen before the first object is completed, and an abort leaves nothing open.
func TestNothingOfADeliveryIsShownWhenItsReceiptCannotBe(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	s.to("taken", s.bucket, ", receipt: true, manifest: true, on_conflict: fail")
	key := "all.csv.receipt.json"
	_, err := s.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: strings.NewReader("somebody's")})
	require.NoError(t, err)
	s.worker()
	s.parks("taken")
	f := s.failure("taken")
	require.Equal(t, "ObjectExists", f.Type)
	require.Contains(t, f.Message, key)
	require.Equal(t, []string{key}, s.keys())
	uploads, err := s.s3.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &key})
	require.NoError(t, err)
	require.Len(t, uploads.Uploads, 1, "the receipt is sent, and waits")
	require.Equal(t, 0, s.starter("abort", s.id("taken")+"/k", "--reason", "a test").code)
	require.Equal(t, 1, s.starter("send", s.id("taken"), "--run-key", "k", "--wait").code)
	s.nothingLeft()
}

// TestAReceiptWhoseUploadIsLostIsSentAgain aborts the receipt's open upload behind the run's back.
func TestAReceiptWhoseUploadIsLostIsSentAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	s.to("lost", s.bucket, ", receipt: true, on_conflict: fail")
	key := "all.csv.receipt.json"
	_, err := s.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: strings.NewReader("somebody's")})
	require.NoError(t, err)
	s.worker()
	s.parks("lost")
	uploads, err := s.s3.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &key})
	require.NoError(t, err)
	require.Len(t, uploads.Uploads, 1)
	_, err = s.s3.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &key, UploadId: uploads.Uploads[0].UploadId})
	require.NoError(t, err)
	_, err = s.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	require.NoError(t, err)
	require.Equal(t, 0, s.starter("retry", s.id("lost")+"/k").code)
	c := s.send(s.id("lost"), "--run-key", "k")
	require.Equal(t, key, c.Receipt)
	require.Equal(t, []string{"all.csv", "all.csv.DONE", key}, s.keys())
	require.EqualValues(t, 100, s.verify(0, filepath.Join(s.download(), key)).Rows)
	s.nothingLeft()
}
