package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"consign/starter/watch"
)

// An app is one call of the command line.
//
// How it talks: results go to standard output, everything else to standard error, so that a script may read the
// result. Nothing is asked. Messages begin in lower case and end without a full stop; a hint is the next thing to do.
type app struct {
	out, messages io.Writer
	environment   func(string) (string, bool)
	clock         func() time.Time

	configPath string
	output     string
}

// run is the whole program: it does what args say and returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, messages io.Writer, environment func(string) (string, bool)) int {
	results := &heedful{Writer: onScreen(out)}
	a := &app{out: results, messages: onScreen(messages), environment: environment, clock: time.Now}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(messages)
	addShells(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = results.err // half a result is none
	}
	status, text := explain(ctx, err)
	if text != "" {
		fmt.Fprintln(a.messages, text)
	}
	return status
}

// A screen is where people read. What is written to it is shown, whoever wrote it, and not obeyed. JSON stays what it is.
type screen struct{ io.Writer }

func onScreen(w io.Writer) io.Writer {
	if s, ok := w.(screen); ok { // of a command that calls another
		return s
	}
	return screen{w}
}

// Write writes all of p.
func (s screen) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.Writer, watch.Printable(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// heedful keeps the first error of what is written to it.
type heedful struct {
	io.Writer
	err error
}

// Write writes all of p, or nothing after an error.
func (h *heedful) Write(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.Writer.Write(p)
	h.err = err
	return n, err
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Deliver query results as files into other people's S3 buckets",
		Long: `starter starts deliveries, shows how they are getting on, and helps when one is stuck.

Exit status: 0 done; 1 the run failed or was aborted, or the command could not do its work;
2 wrong usage or configuration; 3 refused (access); 4 the run is parked and waits for an operator;
5 gave up waiting; 130 interrupted.

RUN is a workflow id (campaign/CAMPAIGN/RUN-KEY, say), ORCHESTRATION/RUN-KEY, or
CAMPAIGN/GROUP/DATA-TEMPLATE/RUN-KEY.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: a.check,
		Args:              usage(cobra.NoArgs),
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return wrong(err, cmd.CommandPath()+" --help lists the flags")
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.configPath, "config", "", "configuration `file`, or folder of files (default $CONSIGN_CONFIG, ./consign.yaml, ./consign/)")
	flags.StringVarP(&a.output, "output", "o", "text", "`text` or json: one JSON document on standard output")
	root.AddCommand(a.send(), a.campaign(), a.plan(), a.validate(), a.setup(), a.runs(), a.show(), a.retry(), a.abort(), a.redeliver(), a.verify(), a.demo(),
		a.test(), a.policy(), a.externalID(), a.schema(), a.schedule())
	words(root, "output", "text", "json")
	must(root.MarkPersistentFlagFilename("config", "yaml", "yml"))
	completeNothing(root)
	return root
}

func (a *app) check(cmd *cobra.Command, _ []string) error {
	if err := nothingEmpty(cmd); err != nil {
		return err
	}
	if a.output != "text" && a.output != "json" {
		return wrong(fmt.Errorf("--output %s: only text and json are known", a.output), "")
	}
	return nil
}

// nothingEmpty refuses a flag that is given and says nothing: it comes from a variable that is not set, and whoever wrote
// it meant another thing than what happens without the flag. Of --as and --reason nothing is as good as none. A time of
// nothing is refused too: it may mean that nobody is to wait, or for ever.
func nothingEmpty(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case err != nil:
		case isEmpty(f.Value) && f.Name != "as" && f.Name != "reason":
			err = wrong(fmt.Errorf("--%s is empty: a variable that is not set, perhaps", f.Name), "leave it out, or say what is meant")
		case f.Value.Type() == "duration" && f.Value.String() == "0s":
			err = wrong(fmt.Errorf("--%s is 0: it is a positive duration", f.Name), "leave it out to wait for as long as it takes, and --wait too to wait for nothing")
		}
	})
	return err
}

// isEmpty reports whether a flag's text is, or one of its texts if it may be given several times.
func isEmpty(value pflag.Value) bool {
	if several, ok := value.(pflag.SliceValue); ok {
		return slices.Contains(several.GetSlice(), "")
	}
	return value.Type() == "string" && value.String() == ""
}

// usage makes a complaint about arguments an error of usage, with the line that says how.
func usage(args cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		err := args(cmd, given)
		switch {
		case err == nil:
			return nil
		case !cmd.HasParent():
			return wrong(fmt.Errorf("unknown command %q", given[0]), suggestion(cmd, given[0]))
		case cmd.HasSubCommands():
			return wrong(err, suggestion(cmd, given[0]))
		default:
			return wrong(err, "usage: "+cmd.UseLine())
		}
	}
}

func suggestion(of *cobra.Command, typed string) string {
	of.SuggestionsMinimumDistance = 2 // two letters wrong are a slip; three are another word
	if near := of.SuggestionsFor(typed); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return of.CommandPath() + " --help lists the commands"
}

// tell writes a message.
func (a *app) tell(format string, args ...any) {
	fmt.Fprintf(a.messages, format+"\n", args...)
}

// result writes the result: value as JSON if that was asked for, and otherwise what text prints.
func (a *app) result(value any, text func(io.Writer)) error {
	if a.output != "json" {
		text(a.out)
		return nil
	}
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// view returns what shows progress: a bar on a terminal, lines otherwise.
func (a *app) view() watch.View {
	messages, _ := a.messages.(screen)
	file, ok := messages.Writer.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return watch.NewLines(a.messages)
	}
	width := func() int {
		columns, _, err := term.GetSize(int(file.Fd()))
		if err != nil || columns <= 0 {
			return 80
		}
		return columns
	}
	return watch.NewBar(file, width, !a.utf8()) // it moves the cursor itself
}

// utf8 reports whether the terminal's locale is UTF-8, by the order that POSIX gives the variables.
func (a *app) utf8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value, _ := a.environment(name); value != "" {
			value = strings.ToUpper(value)
			return strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8")
		}
	}
	return false
}
