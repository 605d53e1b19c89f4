package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"
)

// The exit statuses, as the documents have them.
const (
	exitDone        = 0
	exitFailed      = 1 // the run failed or was aborted, or the command could not do its work
	exitWrong       = 2 // wrong usage or configuration
	exitRefused     = 3 // access
	exitParked      = 4 // the run waits for an operator
	exitGaveUp      = 5 // waiting took longer than --timeout
	exitInterrupted = 130
)

var (
	errInterrupted = errors.New("interrupted")
	errGaveUp      = errors.New("gave up waiting")
)

// An exit is an error with the status that the program ends with.
type exit struct {
	status int
	err    error
	hint   string // what to do next; may be empty
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

func wrong(err error, hint string) error  { return &exit{exitWrong, err, hint} }
func failed(err error, hint string) error { return &exit{exitFailed, err, hint} }

// explain turns an error into an exit status and what to say about it.
func explain(ctx context.Context, err error) (status int, text string) {
	if err == nil {
		return exitDone, ""
	}
	var e *exit
	known := errors.As(err, &e)
	switch {
	case ctx.Err() != nil && (!known || e.status == exitFailed && canceled(err)):
		e = &exit{status: exitInterrupted, err: errInterrupted} // whatever was under way could not be done for that reason
	case !known:
		e = &exit{status: exitFailed, err: err}
	}
	text = "starter: " + e.err.Error()
	if e.hint != "" {
		text += "\n" + indented("hint: ", e.hint)
	}
	return e.status, text
}

// canceled reports whether an error says that somebody did not want to wait for the answer.
func canceled(err error) bool {
	var told *serviceerror.Canceled
	return errors.Is(err, context.Canceled) || errors.As(err, &told)
}

// indented puts head before the first line of text and as many spaces before the others.
func indented(head, text string) string {
	return head + strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", len(head)))
}

// doing puts what was being done before an error that has a status, and keeps the status.
func doing(what string, err error) error {
	var e *exit
	if errors.As(err, &e) {
		return &exit{e.status, fmt.Errorf("%s: %w", what, e.err), e.hint}
	}
	return fmt.Errorf("%s: %w", what, err)
}
