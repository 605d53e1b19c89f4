package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"consign/internal/awsrole"
	"consign/internal/lambda"
	"consign/internal/plan"
	"consign/internal/redshift"
)

// What follows a delivery, after its last object. None of it undoes the delivery.

// LambdaInput says which function is told about which delivery.
type LambdaInput struct {
	Target     Target          `json:"target"`
	Delivery   string          `json:"delivery"`
	ID         string          `json:"id"` // of this invocation: the same however often it is tried
	Downstream plan.Downstream `json:"downstream"`
	Event      LambdaEvent     `json:"event"`
}

// A LambdaEvent is what the function is given: names, keys, counts and digests, and no value of a row.
type LambdaEvent struct {
	Token         string `json:"idempotency_token"` // the same in an event that comes twice
	DeliveryID    string `json:"delivery_id"`
	Orchestration string `json:"orchestration"`
	RunKey        string `json:"run_key"`
	WorkflowID    string `json:"workflow_id"`
	Destination   string `json:"destination"`
	Bucket        string `json:"bucket"`
	Region        string `json:"region,omitempty"`
	Rows          int64  `json:"rows"`
	Objects       int    `json:"objects"` // how many
	SuccessFile   string `json:"success_file,omitempty"`
	ManifestKey   string `json:"manifest_key,omitempty"`
	ReceiptKey    string `json:"receipt_key"`
	// Receipt is the receipt's content; none if that is more than a function may be given, or was taken away already.
	Receipt json.RawMessage `json:"receipt,omitempty"`
}

// LambdaResult says which version of the function has run.
type LambdaResult struct {
	Version string `json:"version,omitempty"`
	Request string `json:"request,omitempty"` // Lambda's id of the invocation, by which the function's log has it
}

// InvokeLambda reads the receipt back and invokes a function with it. What the function answers is not kept.
func (s *Steps) InvokeLambda(ctx context.Context, in LambdaInput) (_ LambdaResult, err error) {
	defer s.fail(ctx, plan.InvokeLambda, &err)
	defer s.renew(in.Target)(&err)
	defer s.renewAsker(in.Target, in.Downstream.Credential)(&err)
	ctx, end := watched(ctx, plan.InvokeLambda)
	defer end()
	bucket, err := s.bucket(ctx, in.Target)
	if err != nil {
		return LambdaResult{}, err
	}
	event := in.Event
	event.Token = in.ID
	if event.Receipt, err = bucket.Read(ctx, event.ReceiptKey, in.Delivery, lambda.MaxEvent); err != nil {
		return LambdaResult{}, err
	}
	text, err := encodeEvent(event)
	if err != nil {
		return LambdaResult{}, err
	}
	creds, err := s.asker(ctx, in.Target, in.Downstream.Credential)
	if err != nil {
		return LambdaResult{}, err
	}
	o := *in.Downstream.Lambda
	o.Region = cmp.Or(o.Region, in.Target.Upload.Region)
	done, err := lambda.Invoke(ctx, creds, o, text)
	return LambdaResult(done), err
}

// encodeEvent leaves the receipt's content out if a function cannot be given so much.
func encodeEvent(event LambdaEvent) ([]byte, error) {
	text, err := json.Marshal(event)
	if err == nil && len(text) > lambda.MaxEvent {
		event.Receipt = nil
		text, err = json.Marshal(event)
	}
	if err != nil {
		return nil, fmt.Errorf("receipt %s: %w", event.ReceiptKey, err)
	}
	return text, nil
}

// asker is the identity that asks a service for what follows a delivery: a credential, or the AWS default chain. The
// bucket's owner has nothing to do with it, so its session is one of its own.
func (s *Steps) asker(ctx context.Context, t Target, credential string) (aws.CredentialsProvider, error) {
	o, err := s.askerRole(t, credential)
	if err != nil {
		return nil, err
	}
	session, err := s.sessions.get(ctx, askerKey(t.Run, credential), o)
	if err != nil {
		return nil, err
	}
	return session.Credentials(), nil
}

func (s *Steps) askerRole(t Target, credential string) (o awsrole.Options, err error) {
	if credential != "" {
		c, err := s.options.Config()
		if err != nil {
			return o, err
		}
		if o, err = c.Role(credential); err != nil {
			return o, err
		}
	}
	if o.RoleARN != "" {
		o.SessionName = awsrole.SessionName(t.Run, t.Orchestration)
	}
	o.Own = true
	return o.Beside(t.Upload.Region), nil
}

func askerKey(run, credential string) string { return run + "/after/" + credential }

// renewAsker is as renew, for the session that asks for what follows a delivery.
func (s *Steps) renewAsker(t Target, credential string) func(*error) {
	return s.renewal(askerKey(t.Run, credential), func() (awsrole.Options, error) { return s.askerRole(t, credential) })
}

// CopyInput says which delivery is loaded into which table.
type CopyInput struct {
	Target     Target          `json:"target"`
	Plan       *plan.Plan      `json:"plan"`
	Downstream plan.Downstream `json:"downstream"`
	ID         string          `json:"id"`    // of the load: the same however often it is asked for
	Round      int             `json:"round"` // how many statements have ended before without loading anything
	Since      time.Time       `json:"since"` // since when this round may have been submitted
	Rows       int64           `json:"rows"`  // that were delivered
	// Statement is what an earlier call has submitted, to be waited for or cancelled. Empty: it is to be submitted, or looked
	// for by the load's name before it is cancelled.
	Statement string `json:"statement,omitempty"`
}

// CopyResult is the statement that was submitted, or the load that it has done.
type CopyResult struct {
	Statement string `json:"statement"`
	Rows      int64  `json:"rows,omitempty"`  // in the table now, by this load
	Query     int64  `json:"query,omitempty"` // Redshift's id of the COPY
	Again     bool   `json:"again,omitempty"` // the ledger had the load already
}

// CopyToRedshift is called twice: to submit the load, so that its statement stands in the history before anybody waits
// for it, and to wait. A worker that dies between leaves nothing behind that would be submitted again.
func (s *Steps) CopyToRedshift(ctx context.Context, in CopyInput) (_ CopyResult, err error) {
	defer s.fail(ctx, plan.CopyToRedshift, &err)
	defer s.renewAsker(in.Target, in.Downstream.Credential)(&err)
	ctx, end := watched(ctx, plan.CopyToRedshift)
	defer end()
	statement, err := in.Plan.CopyStatement(in.Downstream, in.Target.Upload.Region)
	if err != nil {
		return CopyResult{}, fmt.Errorf("%w: %w", plan.ErrConfiguration, err)
	}
	client, load, err := s.load(ctx, in)
	if err != nil {
		return CopyResult{}, err
	}
	load.Copy = statement
	if in.Statement == "" {
		id, err := client.Submit(ctx, load, s.options.Clock())
		return CopyResult{Statement: id}, err
	}
	done, err := client.Wait(ctx, load, in.Statement)
	return CopyResult{Statement: in.Statement, Rows: done.Rows, Query: done.Query, Again: done.Again}, err
}

// CancelLoad stops the load of a run that was aborted. That it is over already, or was never submitted, is success.
func (s *Steps) CancelLoad(ctx context.Context, in CopyInput) (_ CopyResult, err error) {
	defer s.fail(ctx, "CancelLoad", &err)
	defer s.renewAsker(in.Target, in.Downstream.Credential)(&err)
	ctx, end := watched(ctx, "CancelLoad")
	defer end()
	client, load, err := s.load(ctx, in)
	if err != nil {
		return CopyResult{}, err
	}
	id, err := client.Cancel(ctx, load, in.Statement)
	return CopyResult{Statement: id}, err
}

// load returns who is asked for a load, and which one it is, but for its statement.
func (s *Steps) load(ctx context.Context, in CopyInput) (*redshift.Client, redshift.Load, error) {
	creds, err := s.asker(ctx, in.Target, in.Downstream.Credential)
	if err != nil {
		return nil, redshift.Load{}, err
	}
	o := *in.Downstream.Redshift
	o.Region = cmp.Or(o.Region, in.Target.Upload.Region)
	return redshift.New(creds, o), redshift.Load{ID: in.ID, Run: in.Target.Run, Round: in.Round, Rows: in.Rows, Since: in.Since}, nil
}
