package grant

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Terraform returns the same for Terraform's AWS provider.
func (n Needs) Terraform() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What Consign needs to deliver to %s.\n", n.Destination)
	why := n.reasons()
	if t := n.Trust(); t != nil {
		path, name := n.role()
		if path != "" {
			path = "  path               = " + hcl(path) + "\n"
		}
		document(&b, "consign_trust", *t, map[string]string{"sts:AssumeRole": "only with the external ID, so that nobody can have us work for them"})
		fmt.Fprintf(&b, "\nresource \"aws_iam_role\" \"consign\" {\n  name               = %s\n%s  assume_role_policy = data.aws_iam_policy_document.consign_trust.json\n}\n", hcl(name), path)
	}
	document(&b, "consign", n.Permission(), why)
	if n.RoleARN != "" {
		b.WriteString("\nresource \"aws_iam_role_policy\" \"consign\" {\n  name   = \"consign\"\n  role   = aws_iam_role.consign.id\n  policy = data.aws_iam_policy_document.consign.json\n}\n")
	} else {
		b.WriteString("\n# Attach it to the user whose keys we were given:\nresource \"aws_iam_policy\" \"consign\" {\n  name   = \"consign\"\n  policy = data.aws_iam_policy_document.consign.json\n}\n")
	}
	if k := n.Key(); k != nil {
		b.WriteString("\n# Add these statements to the key's own policy (source_policy_documents).")
		document(&b, "consign_key", *k, why)
	}
	n.terraformLifecycle(&b)
	return b.String()
}

func (n Needs) reasons() map[string]string {
	why := map[string]string{}
	for _, a := range n.Actions() {
		why[a.Action] = a.Why
		if a.Optional {
			why[a.Action] = "optional: " + a.Why
		}
	}
	return why
}

func document(b *strings.Builder, name string, p Policy, why map[string]string) {
	fmt.Fprintf(b, "\ndata \"aws_iam_policy_document\" \"%s\" {\n", name)
	for i, s := range p.Statement {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(b, "  statement {\n    sid    = %s\n    effect = %s\n    actions = [\n", hcl(s.Sid), hcl(s.Effect))
		for _, a := range s.Action {
			fmt.Fprintf(b, "      %s, # %s\n", hcl(a), why[a])
		}
		b.WriteString("    ]\n")
		if len(s.Resource) > 0 {
			fmt.Fprintf(b, "    resources = [%s]\n", hclList(s.Resource))
		}
		if who := s.Principal["AWS"]; who != "" {
			fmt.Fprintf(b, "    principals {\n      type        = \"AWS\"\n      identifiers = [%s]\n    }\n", hcl(who))
		}
		conditions(b, s.Condition)
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
}

func conditions(b *strings.Builder, all map[string]map[string][]string) {
	for _, test := range slices.Sorted(maps.Keys(all)) {
		for _, variable := range slices.Sorted(maps.Keys(all[test])) {
			fmt.Fprintf(b, "    condition {\n      test     = %s\n      variable = %s\n      values   = [%s]\n    }\n", hcl(test), hcl(variable), hclList(all[test][variable]))
		}
	}
}

func (n Needs) terraformLifecycle(b *strings.Builder) {
	for i, l := range n.lifecycle() {
		name := "consign"
		if i > 0 {
			name += strconv.Itoa(i + 1)
		}
		fmt.Fprintf(b, "\n# A bucket has one such resource: if yours is there already, add the rules to it.\nresource \"aws_s3_bucket_lifecycle_configuration\" \"%s\" {\n  bucket = %s\n", name, hcl(l.Bucket))
		for _, r := range l.Configuration.Rules {
			fmt.Fprintf(b, "  rule {\n    id     = %s\n    status = \"Enabled\"\n    filter {\n      prefix = %s\n    }\n    abort_incomplete_multipart_upload {\n      days_after_initiation = %d\n    }\n  }\n",
				hcl(r.ID), hcl(r.Filter.Prefix), r.AbortIncompleteMultipartUpload.DaysAfterInitiation)
		}
		b.WriteString("}\n")
	}
}

// hcl writes a string for Terraform, to which ${ and %{ mean something.
func hcl(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(s))
}

func hclList(list []string) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = hcl(s)
	}
	return strings.Join(words, ", ")
}
