// Package defect makes errors of panics: Consign itself went wrong, with something that it was not made for.
package defect

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// Err means that Consign itself went wrong.
var Err = errors.New("a defect of Consign")

// Recover makes an error of a panic of the function that defers it. In a goroutine of its own a panic would end the
// process, and with it the runs of everybody else.
func Recover(err *error) {
	if cause := recover(); cause != nil {
		*err = Of(cause)
	}
}

// Guarded returns do for a goroutine of its own: a panic of do is its error.
func Guarded(do func() error) func() error {
	return func() (err error) {
		defer Recover(&err)
		return do()
	}
}

// Of is the error of a panic that a deferred function has just recovered from. Of what the panic says only the kind is
// kept: the rest may be somebody's data, or a number that was computed from it.
func Of(cause any) error {
	what := "panic"
	if known, ok := cause.(runtime.Error); ok {
		what, _, _ = strings.Cut(strings.TrimPrefix(known.Error(), "runtime error: "), " [")
	}
	return fmt.Errorf("%w: %s at %s", Err, what, origin())
}

// origin is where the panic began that is being recovered from.
func origin() string {
	const deepest = 64
	callers := make([]uintptr, deepest)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	panicking := false
	for {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		switch {
		case panicking && !inRuntime:
			return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
		case inRuntime:
			panicking = true
		case !more:
			return "an unknown place"
		}
	}
}
