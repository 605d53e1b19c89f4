package config

import (
	"strings"

	"consign/internal/problem"
	"consign/internal/render"
	"consign/internal/upload"
)

// maxDownstream is how much may follow one delivery: each takes its place in the run's history.
const maxDownstream = 20

// downstream checks what is to happen after a delivery, apart from the delivery.
func (k *checker) downstream(list []Downstream, at string) {
	if len(list) > maxDownstream {
		k.add(at, "", "%d things are too many: %d at most", len(list), maxDownstream)
	}
	for i, d := range list {
		path := item(at, i)
		switch {
		case (d.Lambda == nil) == (d.Redshift == nil):
			k.add(path, "write {lambda: ...} or {redshift: ...}, one to an item", "names not exactly one thing to do")
		case d.Lambda != nil:
			k.asked(path+".lambda", d.Lambda.Options().Validate(), d.Lambda.Credential)
		default:
			o := d.Redshift.Options()
			if k.unread(path+".redshift.workgroup") || k.unread(path+".redshift.cluster") {
				o.Cluster, o.Workgroup = "unread", "" // which may have a user, or none
			}
			k.asked(path+".redshift", o.Validate(), d.Redshift.Credential)
		}
	}
}

// asked checks a service of Amazon that is asked as a credential.
func (k *checker) asked(at string, list problem.List, credential string) {
	for _, p := range list {
		p.Key = at + "." + p.Key
		k.put(p)
	}
	if credential != "" {
		k.refers(at+".credential", credential, "credential", "credentials")
	}
}

// followed checks whether what follows can take the delivery as it is.
func (k *checker) followed(e Effective, o *Orchestration, at string) {
	s := e.Settings
	for i, d := range o.Downstream {
		path := item(at+".downstream", i)
		if class := value(s.StorageClass); !upload.Readable(class) {
			k.add(path, "choose another storage_class", "the receipt, the manifest and the objects cannot be read at once in %s", class)
		}
		if d.Lambda != nil && !value(s.Receipt) && !e.misread("receipt") {
			k.add(path+".lambda", "set receipt: true", "the function is invoked with the receipt, and none is written")
		}
		if d.Redshift != nil {
			k.copied(e, o.Downstream, i, path+".redshift")
		}
	}
}

func (k *checker) copied(e Effective, all []Downstream, i int, at string) {
	s := e.Settings
	if !value(s.Manifest) && !e.misread("manifest") {
		k.add(at, "set manifest: true", "the objects are loaded by their manifest, and none is written")
	}
	undecided := s.FileFormat == nil || *s.FileFormat == render.FormatCustom && s.Delimiter == nil
	if o := s.Render(nil); !undecided && o.Validate().Err() == nil {
		l := o.Copy(nil, render.Location{Encoding: value(s.Encoding), Encrypted: len(s.Keys()) > 0})
		if l.Impossible != "" {
			k.add(at, "", "Amazon Redshift cannot load these files: %s", l.Impossible)
		}
	}
	if bucket := value(s.Bucket); strings.HasPrefix(bucket, "arn:") {
		k.add(at, "set bucket to the access point's alias", "COPY takes the name of a bucket, and not %q", bucket)
	}
	if value(s.Endpoint) != "" {
		k.warn(at, "Amazon Redshift reads Amazon S3, and not the store of endpoint")
	}
	if all[i].Redshift.Ledger == "" {
		k.warn(at, "without ledger, nobody knows after a day whether a load was done: see docs/CONFIG.md")
	}
	k.copiedOnce(all, i, at)
}

// copiedOnce refuses a load into a table that another item loads already: without a ledger the table would get every row
// twice.
func (k *checker) copiedOnce(all []Downstream, i int, at string) {
	o := all[i].Redshift.Options()
	for j, d := range all[:i] {
		if d.Redshift == nil || !d.Redshift.Options().SameTable(o) {
			continue
		}
		hint := ""
		if d.Redshift.Region != o.Region {
			hint = "if they are of one name in two regions, write region to both"
		}
		k.add(at, hint, "loads the same rows into the same table as downstream[%d]", j)
		return
	}
}
