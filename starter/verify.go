package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"consign/internal/receipt"
	"consign/internal/secret"
	"consign/starter/watch"
)

// passphraseVariable may hold the passphrase of the secret key.
const passphraseVariable = "CONSIGN_PASSPHRASE"

type verifyOptions struct {
	dir, decrypt, passphraseFile string
}

func (a *app) verify() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify RECEIPT",
		Short: "Check received files against the receipt of their delivery",
		Long: `Compares received files with the receipt that came with them: sizes, SHA-256, and rows. It needs no configuration, no
Temporal and no network: the receipt, the files, and for encrypted files the secret key.

A file is looked for below --dir under its whole key, then under the key without its first folder, and so on down to its name.

With --decrypt the files are opened in memory; what they hold is compared with its SHA-256 before encryption, and its rows are
counted. Only a zip archive, or Parquet within an encrypted file or an archive, is copied to the system's folder for temporary
files ($TMPDIR) for that time. A passphrase is read from --passphrase-file or $` + passphraseVariable + `, or asked for on a terminal.

Exit status: 0 all files are as the receipt says; 1 one is not, or is missing; 2 the receipt or the key cannot be used.`,
		Example: "  starter verify vips.csv.gz.pgp.receipt.json --dir received --decrypt secret.asc",
		Args:    usage(cobra.ExactArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.doVerify(cmd.Context(), args[0], o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.dir, "dir", "", "the `folder` with the received files (default: the receipt's)")
	flags.StringVar(&o.decrypt, "decrypt", "", "the recipient's secret key, a `file`, armored or binary")
	flags.StringVar(&o.passphraseFile, "passphrase-file", "", "a `file` with the secret key's passphrase")
	must(cmd.MarkFlagDirname("dir"))
	return cmd
}

// verified is the result of verify.
type verified struct {
	OK         bool            `json:"ok"`
	DeliveryID string          `json:"delivery_id"`
	Objects    int             `json:"objects"`
	Rows       int64           `json:"rows"`  // by the receipt
	Bytes      int64           `json:"bytes"` // by the receipt
	Failed     int             `json:"failed"`
	Skipped    int             `json:"skipped"`
	Checks     []receipt.Check `json:"checks"`
}

func (a *app) doVerify(ctx context.Context, name string, o verifyOptions) (err error) {
	r, err := readReceipt(name)
	if err != nil {
		return err
	}
	if o.dir == "" {
		o.dir = filepath.Dir(name)
	}
	dir, err := os.OpenRoot(o.dir)
	if err != nil {
		return wrong(fmt.Errorf("open the folder of the received files: %w", err), "--dir names it")
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	options := receipt.Options{Dir: dir}
	if o.decrypt != "" {
		if options.Key, err = a.secretKey(o); err != nil {
			return wrong(fmt.Errorf("secret key %s: %w", o.decrypt, err), "")
		}
	}
	v := verified{DeliveryID: r.DeliveryID, Objects: len(r.Objects), Rows: r.Rows, Bytes: r.Bytes, Checks: []receipt.Check{}}
	last := ""
	err = r.Verify(ctx, options, func(c receipt.Check) {
		v.add(c)
		if a.output == "text" {
			a.printCheck(c, &last)
		}
	})
	if err != nil {
		return failed(fmt.Errorf("verify %s: %w", name, err), "")
	}
	v.OK = v.Failed == 0
	if err := a.result(v, v.print); err != nil {
		return err
	}
	if !v.OK {
		return failed(fmt.Errorf("%s not as the receipt says", watch.Plural(int64(v.Failed), "file is", "files are")),
			"get the files again; if they are the same then, ask the sender")
	}
	return nil
}

func readReceipt(name string) (*receipt.Receipt, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, wrong(fmt.Errorf("receipt: %w", err), "")
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, receipt.MaxBytes+1))
	if err != nil {
		return nil, wrong(fmt.Errorf("receipt: %w", err), "")
	}
	r, err := receipt.Parse(text)
	if err != nil {
		return nil, wrong(fmt.Errorf("receipt %s: %w", name, err), "the sender's receipt ends in .receipt.json; get it again if it was damaged")
	}
	return r, nil
}

func (v *verified) add(c receipt.Check) {
	v.Checks = append(v.Checks, c)
	switch c.State {
	case receipt.Failed:
		v.Failed++
	case receipt.Skipped:
		v.Skipped++
	case receipt.OK:
	}
}

// printCheck writes one check below the name of its object.
func (a *app) printCheck(c receipt.Check, last *string) {
	if c.Key != *last {
		*last = c.Key
		fmt.Fprintln(a.out, c.Key)
	}
	fmt.Fprintf(a.out, "  %-7s  %s: %s\n", c.State, c.Name, c.Message)
}

func (v *verified) print(w io.Writer) {
	if !v.OK {
		return // the error says it
	}
	objects := watch.Plural(int64(v.Objects), "object is", "objects are")
	fmt.Fprintf(w, "%s as the receipt says: %s, %s\n", objects, watch.Count(v.Rows, "row"), watch.Count(v.Bytes, "byte"))
	if v.Skipped > 0 {
		fmt.Fprintf(w, "%s skipped, so the rows are by the receipt alone\n", watch.Plural(int64(v.Skipped), "check was", "checks were"))
	}
}

// secretKey reads the key that files are opened with, and opens the key itself if it is locked.
func (a *app) secretKey(o verifyOptions) (*receipt.Key, error) {
	text, err := os.ReadFile(o.decrypt)
	if err != nil {
		return nil, err
	}
	key, err := receipt.ParseKey(text)
	if err != nil || !key.Locked() {
		return key, err
	}
	passphrase, err := a.passphrase(o)
	if err != nil {
		return nil, err
	}
	return key, key.Unlock(passphrase)
}

// passphrase finds the passphrase: in a file, in the environment, or with whoever sits at the terminal.
func (a *app) passphrase(o verifyOptions) (secret.Text, error) {
	if o.passphraseFile != "" {
		text, err := os.ReadFile(o.passphraseFile)
		if err != nil {
			return secret.Text{}, fmt.Errorf("passphrase: %w", err)
		}
		return secret.New(strings.TrimRight(string(text), "\r\n")), nil
	}
	if value, found := a.environment(passphraseVariable); found {
		return secret.New(value), nil
	}
	terminal := int(os.Stdin.Fd())
	if !term.IsTerminal(terminal) {
		return secret.Text{}, fmt.Errorf("it is locked with a passphrase: give it with --passphrase-file or $%s", passphraseVariable)
	}
	fmt.Fprint(a.messages, "passphrase: ")
	text, err := term.ReadPassword(terminal)
	a.tell("")
	if err != nil {
		return secret.Text{}, fmt.Errorf("passphrase: %w", err)
	}
	return secret.New(string(text)), nil
}
