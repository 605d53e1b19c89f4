package activities

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"consign/internal/awserror"
	"consign/internal/awsrole"
	"consign/internal/config"
	"consign/internal/encrypt"
	"consign/internal/plan"
	"consign/internal/source"
	"consign/internal/upload"
	"consign/internal/workspace"
)

func failed(ctx context.Context, err error) error {
	(&Steps{}).fail(ctx, "Upload", &err)
	return err
}

func TestAFailureNamesTheWorkerThatTried(t *testing.T) {
	t.Parallel()
	err := error(workspace.ErrNoSpace)
	(&Steps{options: Options{Worker: "acme-1 (pid 7)"}}).fail(t.Context(), "Render", &err)
	var told *temporal.ApplicationError
	require.ErrorAs(t, err, &told)
	var f Failure
	require.NoError(t, told.Details(&f))
	require.Equal(t, "acme-1 (pid 7)", f.Worker)
}

// A request that is under way when the worker stops says that it was cancelled, or could not reach anybody.
func TestWhatMayPassIsAnInterruptionWhileTheWorkerStops(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{upload.ErrUnreachable: TypeInterrupted, upload.ErrAccessDenied: "AccessDenied"} {
		env := newEnvironment(&Steps{})
		stop := make(chan struct{})
		close(stop)
		env.SetWorkerStopChannel(stop)
		env.RegisterActivityWithOptions(func(ctx context.Context) error { return failed(ctx, err) }, activity.RegisterOptions{Name: "stopped"})
		_, got := env.ExecuteActivity("stopped")
		var told *temporal.ApplicationError
		require.ErrorAs(t, got, &told)
		require.Equal(t, want, told.Type())
	}
}

// TestAStepThatIsPausedOrResetInTemporalSaysSo: Temporal has not asked it to end for good, and does not take that it was
// cancelled.
func TestAStepThatIsPausedOrResetInTemporalSaysSo(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{activity.ErrActivityPaused, activity.ErrActivityReset} {
		ctx, end := context.WithCancelCause(t.Context())
		end(cause)
		for err, want := range map[error]string{
			fmt.Errorf("send: %w", context.Canceled): TypeInterrupted, fmt.Errorf("wait: %w", cause): TypeInterrupted, upload.ErrUnreachable: TypeInterrupted, upload.ErrAccessDenied: "AccessDenied",
		} {
			var told *temporal.ApplicationError
			require.ErrorAs(t, failed(ctx, err), &told)
			require.Equal(t, want, told.Type())
			require.Equal(t, want != TypeInterrupted, told.NonRetryable())
			var f Failure
			require.NoError(t, told.Details(&f))
			require.NotEqual(t, AdviceGoesOn, f.Advice, "which a worker's stop has")
		}
	}
}

// silent is a Temporal whose Turn does not answer: the worker that stops is the only one that could work on it.
type silent struct{ client.Client }

func (silent) NewWithStartWorkflowOperation(client.StartWorkflowOptions, any, ...any) client.WithStartWorkflowOperation {
	return nil
}

func (silent) UpdateWithStartWorkflow(ctx context.Context, _ client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (silent) SignalWorkflow(ctx context.Context, _, _, _ string, _ any) error {
	<-ctx.Done()
	return ctx.Err()
}

func (silent) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return nil, serviceerror.NewNotFound("no such workflow")
}

// TestWhoWaitsForATurnOrASourceStopsWithItsWorker: else the worker takes all its patience to stop, and the step is tried again
// only when its heartbeat is missed or its time is over.
func TestWhoWaitsForATurnOrASourceStopsWithItsWorker(t *testing.T) {
	t.Parallel()
	c := &config.Config{
		Orchestrations: []config.Orchestration{{Name: "o", Query: "q", DataTemplate: "t"}}, Queries: []config.Query{{Name: "q"}},
		DataTemplates: []config.DataTemplate{{Name: "t", Destination: "d"}}, Destinations: []config.Destination{{Name: "d", Credential: "c"}}, Credentials: []config.Credential{{Name: "c"}},
	}
	s := New(Options{Client: silent{}, Clock: time.Now, Config: func() (*config.Config, error) { return c, nil }})
	s.describe <- struct{}{} // another Plan's, of a source that does not answer
	for name, ask := range map[string]func(*testsuite.TestActivityEnvironment) error{
		"Plan": func(env *testsuite.TestActivityEnvironment) error {
			_, err := env.ExecuteActivity(s.Plan, PlanInput{Orchestration: "o"})
			return err
		},
		"TakeTurn": func(env *testsuite.TestActivityEnvironment) error {
			_, err := env.ExecuteActivity(s.TakeTurn, TakeInput{})
			return err
		},
		"GiveTurn": func(env *testsuite.TestActivityEnvironment) error {
			_, err := env.ExecuteActivity(s.GiveTurn, Claim{})
			return err
		},
		"AwaitTarget": func(env *testsuite.TestActivityEnvironment) error {
			_, err := env.ExecuteActivity(s.AwaitTarget, AwaitInput{WorkflowID: "crm", Until: time.Now().Add(5 * time.Second)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := newEnvironment(s)
			stop := make(chan struct{})
			close(stop)
			env.SetWorkerStopChannel(stop)
			var told *temporal.ApplicationError
			require.ErrorAs(t, ask(env), &told)
			require.Equal(t, TypeInterrupted, told.Type())
		})
	}
}

// TestWhoseWorkersDieAgainAndAgainIsNotToldThatItGoesOnByItself: a step that parks does not.
func TestWhoseWorkersDieAgainAndAgainIsNotToldThatItGoesOnByItself(t *testing.T) {
	t.Parallel()
	for deaths, over := range map[int]bool{1: false, mostDeaths - 1: false, mostDeaths: true, mostDeaths + 1: true} {
		var told *temporal.ApplicationError
		require.ErrorAs(t, Died(workspace.Dead{Step: stepRender, Deaths: deaths}), &told)
		require.Equal(t, over, told.NonRetryable(), deaths)
		var f Failure
		require.NoError(t, told.Details(&f))
		require.Equal(t, over, !strings.Contains(f.Advice, "by itself"), f.Advice)
		require.Equal(t, over, strings.Contains(f.Advice, "then retry"), f.Advice)
	}
	require.Equal(t, Interrupted(), Died(workspace.Dead{Step: stepUpload, Deaths: mostDeaths}), "which looks at no query")
}

func TestWhatIsConfiguredIsNotToBlameForTrouble(t *testing.T) {
	t.Parallel()
	for _, err := range []error{source.ErrUnreachable, source.ErrOutOfMemory, workspace.ErrNoSpace, upload.ErrThrottled, errors.New("never heard of")} {
		f := Trouble(fmt.Errorf("plan vips: %w", err))
		require.NotNil(t, f, err)
		require.Contains(t, f.Message, err.Error())
		require.NotContains(t, f.Advice, "log", err)
	}
	for _, err := range []error{source.ErrQuery, source.ErrLogin, config.ErrSecret, config.ErrRefused, config.ErrNotFound, plan.ErrRefused, encrypt.ErrKey} {
		require.Nil(t, Trouble(fmt.Errorf("plan vips: %w", err)), err)
	}
}

// TestWhatMayBeMissingInPublishIsMendedWithoutAReplan: it is refused by then.
func TestWhatMayBeMissingInPublishIsMendedWithoutAReplan(t *testing.T) {
	t.Parallel()
	c := &config.Config{}
	_, err := c.Role("acme")
	for _, err := range []error{err, fmt.Errorf("query vips: %w", ErrPlanStale)} {
		f, _ := explain("Publish", err)
		require.Regexp(t, "and retry[;.]", f.Advice, f.Type)
	}
}

func TestTheDocumentNamesEveryTypeOfFailure(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "CONFIG.md"))
	require.NoError(t, err)
	_, types, found := strings.Cut(string(text), "\n## Failures\n")
	require.True(t, found)
	for _, c := range causes {
		require.Contains(t, types, "`"+c.name+"`")
	}
	require.Contains(t, types, "`"+TypeInterrupted+"`")
	require.Contains(t, types, "`"+typeUnknown+"`")
}

func TestEveryRowOfTheTableIsWholeAndReadable(t *testing.T) {
	t.Parallel()
	names := map[string]Attribution{}
	for i, c := range causes {
		require.Error(t, c.err, "row %d", i)
		require.Regexp(t, `^[A-Z][A-Za-z0-9]+$`, c.name)
		require.Contains(t, []Attribution{Customer, Configuration, Platform}, c.attribution, c.name)
		require.True(t, strings.HasSuffix(c.advice, "."), "%s: %s", c.name, c.advice)
		require.NotContains(t, c.name, " ")
		names[c.name] = c.attribution
	}
	require.Greater(t, len(names), 25)
}

// TestAdviceSaysWhatARetryAloneDoesNotSee: the settings are the plan's, and the environment is the worker's as it was started.
func TestAdviceSaysWhatARetryAloneDoesNotSee(t *testing.T) {
	t.Parallel()
	for _, err := range []error{upload.ErrUnreachable, upload.ErrAccessDenied, upload.ErrKMS, errSession} {
		f, _ := explain("AssumeRole", err)
		require.Contains(t, f.Advice, "with replan", err)
	}
	for _, err := range []error{
		config.ErrSecret, source.ErrLogin, source.ErrUnreachable, awsrole.ErrOwnKey, awsrole.ErrBadKey, awsrole.ErrOwnSecret, awsrole.ErrSignature,
		upload.ErrBadKey, upload.ErrSignature, awserror.ErrBadKey, awserror.ErrSignature,
	} {
		f, _ := explain("AssumeRole", err)
		require.Contains(t, f.Advice, "environment", err)
	}
}

// TestAdviceNamesTheCommandThatShowsTheMistake: validate asks no source, and finds nothing wrong with a pii column that is gone.
func TestAdviceNamesTheCommandThatShowsTheMistake(t *testing.T) {
	t.Parallel()
	f, _ := explain("Plan", plan.ErrConfiguration)
	require.Contains(t, f.Advice, "starter plan")
	require.NotContains(t, f.Advice, "validate")
	f, _ = explain("Plan", config.ErrRefused)
	require.Contains(t, f.Advice, "starter validate")
}

func TestARowIsReachedAndNotHiddenByAnEarlierOne(t *testing.T) {
	t.Parallel()
	for i, c := range causes {
		for j := range causes[:i] {
			require.NotErrorIs(t, c.err, causes[j].err, "row %d (%s) is never reached", i, c.name)
		}
		_, got := explain("Step", fmt.Errorf("doing this: %w", c.err))
		require.Equal(t, c.name, got.name)
	}
}

func TestAPermanentFailureIsMarkedHoweverDeepItWasWrapped(t *testing.T) {
	t.Parallel()
	err := failed(t.Context(), fmt.Errorf("a: %w", errors.Join(errors.New("b"), fmt.Errorf("c: %w", upload.ErrAccessDenied))))
	var application *temporal.ApplicationError
	require.ErrorAs(t, err, &application)
	require.True(t, application.NonRetryable())
	require.Equal(t, "AccessDenied", application.Type())
	var f Failure
	require.NoError(t, application.Details(&f))
	require.Equal(t, Customer, f.Attribution)
	require.Equal(t, "Upload", f.Step)
	require.Contains(t, f.Message, "access denied")
	require.NotEmpty(t, f.Advice)
}

func TestATransientOrUnknownFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"S3Unreachable":        fmt.Errorf("upload: %w", upload.ErrUnreachable),
		"DiskFull":             workspace.ErrNoSpace,
		"WorkspaceGone":        workspace.ErrGone,
		"ConfigurationRefused": fmt.Errorf("%w: %w", config.ErrRefused, errors.New("consign.yaml:3: what is wrong")), // as whoever edits it has left it
		"Unexpected":           errors.New("nobody has seen this before"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var application *temporal.ApplicationError
			require.ErrorAs(t, failed(t.Context(), err), &application)
			require.False(t, application.NonRetryable())
			require.Equal(t, name, application.Type())
		})
	}
}

// TestOnlyWhatMayPassIsTriedAgain: to try again a load of which nobody knows whether it was done is to load twice, and to park for
// what passes by itself wakes somebody at night.
func TestOnlyWhatMayPassIsTriedAgain(t *testing.T) {
	t.Parallel()
	passing := []string{
		"SourceChanged", "SourceUnreachable", "CredentialsExpired", "STSFailed", "STSUnreachable", "Throttled", "S3Unreachable", "S3Failed", "ObjectBusy",
		"ServiceFailed", "ServiceUnreachable", "TurnSilent", "NotItsTurn", "WorkspaceGone", "DiskFull", "QueryOutOfMemory",
	}
	for _, c := range causes {
		may := slices.Contains(passing, c.name) || errors.Is(c.err, config.ErrRefused) || errors.Is(c.err, errUnknown) || errors.Is(c.err, awsrole.ErrNoneYet) // a file as whoever edits it has left it
		require.Equal(t, may, passes(c.err), "%s: %v", c.name, c.err)
	}
}

// TestAPanicOfAStepDoesNotTellWhatItWasAt: it may have been at somebody's address, and the history is for everybody.
func TestAPanicOfAStepDoesNotTellWhatItWasAt(t *testing.T) {
	t.Parallel()
	err := func() (err error) {
		defer (&Steps{}).fail(t.Context(), "Render", &err)
		panic("alice@example.com")
	}()
	require.Equal(t, "Bug", typeOf(t, err))
	require.NotContains(t, err.Error(), "alice")
}

type slow struct {
	error
	after time.Duration
}

func (s slow) RetryAfter() time.Duration { return s.after }

// TestAStoreThatSaysWhenToComeBackIsListenedTo up to a point: while a run waits for the next try it is not parked, and nobody
// is told.
func TestAStoreThatSaysWhenToComeBackIsListenedTo(t *testing.T) {
	t.Parallel()
	for asked, want := range map[time.Duration]time.Duration{7 * time.Second: 7 * time.Second, 24 * time.Hour: 15 * time.Minute, -time.Hour: 0} {
		var application *temporal.ApplicationError
		require.ErrorAs(t, failed(t.Context(), fmt.Errorf("upload: %w", slow{upload.ErrThrottled, asked})), &application)
		require.Equal(t, want, application.NextRetryDelay())
	}
}

func TestAStepThatItsWorkerStoppedGoesOnAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errWorkerStops)
	for _, err := range []error{errWorkerStops, fmt.Errorf("upload: %w", workspace.ErrSuperseded), fmt.Errorf("upload: %w", workspace.ErrOver)} {
		var application *temporal.ApplicationError
		require.ErrorAs(t, failed(ctx, err), &application)
		require.Equal(t, TypeInterrupted, application.Type())
		require.False(t, application.NonRetryable())
		require.Equal(t, again, application.NextRetryDelay())
	}
}

func TestACanceledStepSaysThatItWasCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(temporal.NewCanceledError())
	require.True(t, temporal.IsCanceledError(failed(ctx, fmt.Errorf("upload: %w", context.Canceled))))
}

// The SDK ends a step whose heartbeat did not get through, for the worker stops while it is on its way, or Temporal is silent.
// Temporal does not take from such a step that it was cancelled.
func TestAStepWhoseHeartbeatFailsIsInterruptedAndNotCanceled(t *testing.T) {
	t.Parallel()
	stopped, going := make(chan struct{}), make(chan struct{})
	close(stopped)
	for stop, want := range map[chan struct{}]string{stopped: "the worker stopped", going: "Temporal could not be told"} {
		for _, err := range []error{fmt.Errorf("upload: %w", context.Canceled), upload.ErrUnreachable} {
			env := newEnvironment(&Steps{})
			env.SetWorkerStopChannel(stop)
			env.RegisterActivityWithOptions(func(ctx context.Context) error {
				ctx, end := context.WithCancelCause(ctx)
				end(serviceerror.NewCanceled("context canceled"))
				return failed(ctx, err)
			}, activity.RegisterOptions{Name: "unheard"})
			_, got := env.ExecuteActivity("unheard")
			var told *temporal.ApplicationError
			require.ErrorAs(t, got, &told)
			require.Equal(t, TypeInterrupted, told.Type())
			require.Contains(t, told.Message(), want)
			require.Equal(t, again, told.NextRetryDelay())
		}
	}
}

func TestAFailureIsShortEnoughForTheServer(t *testing.T) {
	t.Parallel()
	f, _ := explain("Upload", fmt.Errorf("%s: %w", strings.Repeat("x", 10_000), encrypt.ErrKey))
	require.Less(t, len(f.Message), 2000)
}

// TestAFailureIsTextThatCanBeSent: protocol buffers refuse a string that is not UTF-8, and with it the whole answer.
func TestAFailureIsTextThatCanBeSent(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"cut within a character":  "x" + strings.Repeat("é", 5_000),
		"a file name that is not": "open customers-\xff.csv",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := explain("Upload", errors.New(text))
			require.True(t, utf8.ValidString(f.Message))
			var application *temporal.ApplicationError
			require.ErrorAs(t, failed(t.Context(), errors.New(text)), &application)
			require.True(t, utf8.ValidString(application.Error()))
		})
	}
}

func TestNoErrorStaysNoError(t *testing.T) {
	t.Parallel()
	require.NoError(t, failed(t.Context(), nil))
}
