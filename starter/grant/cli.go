package grant

import (
	"fmt"
	"strings"
)

// CLI returns the same as commands of the AWS command line, for a shell.
func (n Needs) CLI() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What Consign needs to deliver to %s, and why:\n", n.Destination)
	for _, a := range n.Actions() {
		optional := ""
		if a.Optional {
			optional = "optional: "
		}
		fmt.Fprintf(&b, "#   %s: %s%s\n", a.Action, optional, a.Why)
	}
	if t := n.Trust(); t != nil {
		path, name := n.role()
		if path != "" {
			path = " --path " + path
		}
		fmt.Fprintf(&b, "\n# A role that is there already: aws iam update-assume-role-policy --role-name %s --policy-document ...\n", name)
		fmt.Fprintf(&b, "aws iam create-role%s --role-name %s --assume-role-policy-document %s\n", path, name, shell(text(t)))
		fmt.Fprintf(&b, "\naws iam put-role-policy --role-name %s --policy-name consign --policy-document %s\n", name, shell(text(n.Permission())))
	} else {
		fmt.Fprintf(&b, "\naws iam put-user-policy --user-name THEIR-USER --policy-name consign --policy-document %s\n", shell(text(n.Permission())))
	}
	if k := n.Key(); k != nil {
		fmt.Fprintf(&b, "\n# Add this statement to the key policy (aws kms get-key-policy, put-key-policy):\n%s\n", comment(text(k.Statement[0])))
	}
	for i, l := range n.lifecycle() {
		if i == 0 {
			b.WriteString("\n# This replaces the bucket's lifecycle rules: look first with aws s3api get-bucket-lifecycle-configuration, and add the rule to those.\n")
		}
		fmt.Fprintf(&b, "aws s3api put-bucket-lifecycle-configuration --bucket %s --lifecycle-configuration %s\n", l.Bucket, shell(text(l.Configuration)))
	}
	return b.String()
}

func comment(s string) string { return "# " + strings.ReplaceAll(s, "\n", "\n# ") }

// shell quotes a word for a POSIX shell.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
