package config

import (
	"errors"
	"strings"
	"time"

	"consign/internal/naming"
	"consign/internal/problem"
)

// conflicts refuses settings that a lower level sets again.
func (k *checker) conflicts(e Effective) {
	for _, c := range e.conflicts {
		k.add(c.again.path, "remove one of them: what a destination sets is final for its templates, and so on", "is set already by %s", c.first)
	}
}

// settings checks what a level and those above it say together. A complete one is about to be used: nothing that has
// no default may be left open.
func (k *checker) settings(e Effective, at string, complete bool) {
	k.stages(e, at, complete)
	k.prefix(e, at)
	k.keys(e, at, complete)
	if complete {
		for name, how := range map[string]string{"bucket": "bucket: name", "file_format": "file_format: csv, or parquet"} {
			if !e.set(name) {
				k.missing(e.path(name, at), "set "+how+" here, on the data template or on the destination")
			}
		}
	}
	k.naming(e, at, complete)
}

// settingOf are the settings that a stage knows under another name.
var settingOf = map[string]string{"kms_key_id": "sse"}

// stages lets the stages say what they cannot honour, and reports it where the setting was written.
func (k *checker) stages(e Effective, at string, complete bool) {
	s := e.Settings
	for _, stage := range []problem.List{s.Render(e.Columns).Validate(), s.Archive().Validate(), s.Upload(S3{}).Validate()} {
		for _, p := range stage {
			if p.Warning && !complete {
				continue // a lower level may still decide what mends it
			}
			p.Key = e.stagePath(p.Key, at)
			k.put(p)
		}
	}
	k.chosen(e, at)
}

// stagePath is where that was written which a stage calls name, as in "quote_mode", "split.rows" or "columns[1].to".
func (e *Effective) stagePath(name, at string) string {
	rest := ""
	if i := strings.IndexAny(name, ".["); i >= 0 {
		name, rest = name[:i], name[i:]
	}
	if other, ok := settingOf[name]; ok {
		name = other
	}
	if name == "columns" && e.columnsPath != "" {
		return e.columnsPath + rest
	}
	return e.path(name, at) + rest
}

// chosen checks the settings that no stage owns.
func (k *checker) chosen(e Effective, at string) {
	if v := value(e.Settings.OnEmpty); v != "" {
		k.oneOf(e.path("on_empty", at), v, "write", "skip", "fail")
	}
	if level := e.Settings.CompressionLevel; level != nil && *level == 0 { // written: to the stage it is the default
		k.add(e.path("compression_level", at), "use 1 (fast) to 9 (small); the default is 6", "0 is out of range")
	}
	if split := e.Settings.Split; split != nil && split.Rows == 0 && split.Megabytes == 0 {
		k.add(e.path("split", at), "write {rows: 1000000} or {megabytes: 500}", "does not say how large a part is")
	}
	if r := e.Settings.RowNumber; r != nil && r.Column == "" {
		k.missing(e.path("row_number", at)+".column", "row_number: {column: row_number}")
	}
	if sse := e.Settings.SSE; sse != nil && sse.Mode == "kms" && sse.KMSKeyID == "" {
		k.add(e.path("sse", at), "sse: {kms_key_id: arn:aws:kms:...}", "KMS needs the key")
	}
	if format := value(e.Settings.FileFormat); format != "" && !e.Settings.delimited() && e.set("header") {
		k.add(e.path("header", at), "remove it, or choose csv, tsv, psv or custom", "file_format %s does not have it", format)
	}
	k.tags(e, at)
	if value(e.Settings.FileFormat) == "parquet" && value(e.Settings.Encoding) == "gzip" {
		k.warn(e.path("encoding", at), "Parquet is compressed inside already, and few readers open a .parquet.gz")
	}
}

func (k *checker) tags(e Effective, at string) {
	seen := map[string]bool{}
	for i, t := range e.Settings.Tags {
		if path := item(e.path("tags", at), i); seen[t.Name] {
			k.add(path, "", "the tag %q is set twice", t.Name)
		}
		seen[t.Name] = true
	}
}

// prefix checks the folder that all objects are under.
func (k *checker) prefix(e Effective, at string) {
	prefix := value(e.Settings.Prefix)
	if prefix == "" {
		return
	}
	path := e.path("prefix", at)
	if strings.ContainsAny(prefix, "*?") {
		k.add(path, "", "a prefix holds no * or ?, which policies read as wildcards")
		return
	}
	if strings.Contains(prefix, "{{") {
		k.add(path, "write expressions in filename, which may hold folders", "a prefix is plain text")
		return
	}
	if err := naming.Check(strings.TrimSuffix(prefix, "/")); err != nil {
		k.add(path, "a prefix is a folder, as in upload/crm", "%s", err)
	}
}

// keys checks that it is clear whom the files are encrypted to. The keys themselves are looked at by Check.
func (k *checker) keys(e Effective, at string, complete bool) {
	if e.keysTwice() {
		k.add(e.path("pgp_public_keys", at), "list all keys under pgp_public_keys", "pgp_public_key is set too, by %s", e.Origins["pgp_public_key"])
	}
	if e.set("pgp_public_keys") && len(e.Settings.PGPPublicKeys) == 0 {
		k.add(e.path("pgp_public_keys", at), "leave it out to send the files as they are", "the list is empty")
	}
	if complete && value(e.Settings.PGPAEAD) && len(e.Settings.Keys()) == 0 && !e.misread("pgp_public_key", "pgp_public_keys") {
		k.add(e.path("pgp_aead", at), "set pgp_public_key", "there is no key to encrypt to")
	}
}

// A template that was parsed, and where it was written.
type written struct {
	*naming.Template
	path string
}

// template parses a filename template; nil if there is none or it cannot be parsed.
func (k *checker) template(e Effective, name, at string, text *string) *written {
	if text == nil {
		return nil
	}
	path := e.path(name, at)
	t, err := naming.Parse(*text)
	if err != nil {
		k.add(path, "", "%s", strings.TrimPrefix(err.Error(), naming.ErrTemplate.Error()+": "))
		return nil
	}
	return &written{t, path}
}

// naming checks the templates of the names.
func (k *checker) naming(e Effective, at string, complete bool) {
	filename := k.template(e, "filename", at, e.Settings.Filename)
	parts := k.template(e, "split_filename", at, e.Settings.SplitFilename)
	k.usable(e, filename, complete)
	k.usable(e, parts, complete)
	if parts != nil && !parts.Uses("file_number") {
		k.add(parts.path, `as in "{{file_number}}.csv"`, "all parts would have one name: it needs {{file_number}}")
	}
	if parts != nil && filename != nil && filename.Uses("file_number") {
		k.add(filename.path, "write it in split_filename", "{{file_number}} numbers the parts, and this names what they are in")
	}
	if !complete {
		return
	}
	if parts != nil && e.Settings.Split == nil && !e.misread("split") {
		k.add(parts.path, "set split: {rows: N} or {megabytes: N}, or use filename", "there is no split whose parts it could name")
	}
	if e.Settings.Split != nil && filename != nil && e.Settings.SplitFilename == nil && !e.misread("split_filename") {
		k.numbered(e, filename)
	}
	k.extensions(e, filename, parts)
}

// instant stands for every instant that a name may be rendered at.
var instant = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

// usable checks that what a template says itself, whatever its variables are, can be a part of a key.
func (k *checker) usable(e Effective, t *written, complete bool) {
	if t == nil {
		return
	}
	for _, doubt := range t.Doubts() {
		k.warn(t.path, "%s", doubt)
	}
	name, err := t.Render(naming.Variables{
		Now: instant, CampaignName: "campaign_name", GroupName: "group_name", OrchestrationName: "orchestration_name", QueryName: "query_name",
		RunID: "run_id", FileNumber: 1,
	})
	if err != nil { // it would be another problem than one of the text
		return
	}
	prefix := value(e.Settings.Prefix)
	if prefix == "" && (!complete || e.misread("prefix")) {
		prefix = "prefix" // which may still come
	}
	if e.Settings.Split != nil || !complete || e.misread("split") {
		name = strings.TrimRight(name, "/") // it may name a folder
	}
	if err := naming.Check(naming.Join(prefix, name)); err != nil {
		k.add(t.path, "", "%s", err)
	}
}

// numbered checks that a split without split_filename gives every part a name of its own.
func (k *checker) numbered(e Effective, filename *written) {
	n := e.Settings.Naming(false)
	hint := `set split_filename: "{{file_number}}.` + n.Extension + `"; filename then names what the parts are in`
	folder, base, ok := splitFolder(filename.String())
	switch {
	case !filename.Uses("file_number"):
		k.add(filename.path, hint, "all parts of the split would have one name: it needs {{file_number}}")
	case n.Archive:
		k.add(filename.path, hint, "there is one archive, and {{file_number}} numbers the parts in it")
	case !ok || uses(folder, "file_number") || !uses(base, "file_number"):
		k.add(filename.path, hint, "the parts of a split are in a folder that is not numbered")
	}
}

func uses(template, variable string) bool {
	t, err := naming.Parse(template)
	return err == nil && t.Uses(variable)
}

// forCampaigns checks the names of a template that campaigns use.
func (k *checker) forCampaigns(e Effective, at string) {
	for name, text := range map[string]*string{"filename": e.Settings.Filename, "split_filename": e.Settings.SplitFilename} {
		if uses(value(text), "orchestration_name") {
			k.add(e.path(name, at), "use {{campaign_name}}", "a campaign has no {{orchestration_name}}")
		}
	}
	t, err := naming.Parse(value(e.Settings.Filename))
	if err != nil { // none, or reported already
		return
	}
	for _, variable := range []string{"campaign_name", "group_name"} {
		if !t.Uses(variable) {
			k.add(e.path("filename", at), "use both {{campaign_name}} and {{group_name}}, or leave filename out", "campaigns need {{%s}} to tell their files apart", variable)
		}
	}
}

// forOrchestration checks that a run's names do not ask for what only campaigns have.
func (k *checker) forOrchestration(e Effective, at string) {
	for _, t := range []struct { // in this order, for both are told of in one place
		name string
		text *string
	}{{"filename", e.Settings.Filename}, {"split_filename", e.Settings.SplitFilename}} {
		for _, variable := range []string{"campaign_name", "group_name"} {
			if uses(value(t.text), variable) {
				k.add(at+".data_template", "use a data template for orchestrations", "its %s needs {{%s}}, which only campaigns have", t.name, variable)
			}
		}
	}
	for i, c := range e.Columns {
		if c.Value != nil && (strings.Contains(*c.Value, "{{campaign_name}}") || strings.Contains(*c.Value, "{{group_name}}")) {
			k.add(at+".data_template", "use a data template for orchestrations", "its column %d needs a value that only campaigns have", i+1)
		}
	}
}

// constantVariables are what a constant column may ask for.
var constantVariables = []string{"{{campaign_name}}", "{{group_name}}", "{{orchestration_name}}", "{{query_name}}", "{{run_id}}"}

// errVariable says that a constant asks for what there is not.
var errVariable = errors.New("a constant knows no such variable")

// Expand puts the values of variables into a constant column's text. Unlike in a name, a space stays a space.
func Expand(text string, values map[string]string) (string, error) {
	var filled, without []string
	for _, v := range constantVariables {
		filled, without = append(filled, v, values[strings.Trim(v, "{}")]), append(without, v, " ")
	}
	if strings.Contains(strings.NewReplacer(without...).Replace(text), "{{") {
		return "", errVariable
	}
	return strings.NewReplacer(filled...).Replace(text), nil
}
