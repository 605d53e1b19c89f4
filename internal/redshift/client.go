package redshift

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"

	"consign/internal/awsclient"
	"consign/internal/awserror"
)

// A Client asks one database. It is safe for concurrent use.
type Client struct {
	o   Options
	api *redshiftdata.Client
}

// The Data API answers at once, whatever a statement takes.
const (
	attempts    = 3
	httpTimeout = 30 * time.Second
)

// New returns a client of the options' database. It asks nobody.
func New(creds aws.CredentialsProvider, o Options) *Client {
	return &Client{o: o, api: redshiftdata.New(redshiftdata.Options{
		Region: o.Region, BaseEndpoint: awsclient.Optional(o.Endpoint), Credentials: awserror.Marked(creds),
		HTTPClient: awsclient.NewAPI(httpTimeout), Retryer: awsclient.Retryer(attempts),
	})}
}

// Submit has Redshift begin the load, and returns the statement's id. Asked again, it returns the same statement: by the
// token while the Data API knows that, by name after that. When it knows neither, and there is no ledger that would stop
// a second load, the error wraps ErrUncertain.
func (c *Client) Submit(ctx context.Context, l Load, now time.Time) (string, error) {
	doing := "submit the load into " + c.o.Table
	if age := now.Sub(l.Since); age > tokenSure {
		id, err := c.find(ctx, l)
		if err != nil || id != "" {
			return id, err
		}
		if age > remembered && c.o.Ledger == "" {
			return "", fmt.Errorf("%s: it was first tried %s ago, and the Data API remembers a day: %w", doing, age.Round(time.Minute), ErrUncertain)
		}
	}
	in := redshiftdata.BatchExecuteStatementInput{
		ClientToken: aws.String(l.token()), StatementName: aws.String(l.name()),
		ClusterIdentifier: awsclient.Optional(c.o.Cluster), WorkgroupName: awsclient.Optional(c.o.Workgroup),
		Database: &c.o.Database, DbUser: awsclient.Optional(c.o.DBUser), SecretArn: awsclient.Optional(c.o.SecretARN),
	}
	for _, s := range c.o.statements(l) {
		in.Sqls = append(in.Sqls, s.sql)
	}
	out, err := c.api.BatchExecuteStatement(ctx, &in)
	switch {
	case err == nil && aws.ToString(out.Id) == "":
		return "", fmt.Errorf("%s: %w", doing, awserror.ErrSilent)
	case err == nil:
		return *out.Id, nil
	}
	if err = awserror.Translate(err); errors.Is(err, awserror.ErrRefused) { // perhaps as the token of another request, which Wait then tells
		if id, _ := c.find(ctx, l); id != "" {
			return id, nil
		}
	}
	return "", fmt.Errorf("%s: %w", doing, err)
}

// find looks for the round's statement by its name; empty: there is none.
func (c *Client) find(ctx context.Context, l Load) (string, error) {
	in := redshiftdata.ListStatementsInput{
		StatementName: aws.String(l.name()), Status: types.StatusStringAll, RoleLevel: aws.Bool(true),
		ClusterIdentifier: awsclient.Optional(c.o.Cluster), WorkgroupName: awsclient.Optional(c.o.Workgroup), Database: &c.o.Database,
	}
	pages := redshiftdata.NewListStatementsPaginator(c.api, &in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("look for the load into %s: %w", c.o.Table, awserror.Translate(err))
		}
		for _, s := range page.Statements {
			if aws.ToString(s.StatementName) == l.name() { // the list goes by what a name begins with
				return aws.ToString(s.Id), nil
			}
		}
	}
	return "", nil
}

// Wait waits until the load is over.
func (c *Client) Wait(ctx context.Context, l Load, id string) (Loaded, error) {
	out, err := c.end(ctx, id)
	if err != nil {
		return Loaded{}, fmt.Errorf("load into %s: %w", c.o.Table, err)
	}
	switch out.Status {
	case types.StatusStringFinished:
		return c.finished(ctx, l, out)
	case types.StatusStringAborted:
		return Loaded{}, fmt.Errorf("load into %s, statement %s: %w", c.o.Table, id, ErrStopped)
	default: // failed
	}
	list := c.o.statements(l)
	for i, s := range list[:min(len(list), len(out.SubStatements))] {
		if sub := out.SubStatements[i]; sub.Status == types.StatementStatusStringFailed {
			return c.failed(ctx, l, s.part, sub)
		}
	}
	return Loaded{}, fmt.Errorf("load into %s, statement %s: %w: %s", c.o.Table, id, ErrFailed, c.o.said(l, aws.ToString(out.Error)))
}

// finished says what a transaction has done.
func (c *Client) finished(ctx context.Context, l Load, out *redshiftdata.DescribeStatementOutput) (_ Loaded, err error) {
	if err := c.o.ours(aws.ToString(out.Id), out.SubStatements); err != nil {
		return Loaded{}, err
	}
	done := Loaded{Rows: l.Rows}
	list := c.o.statements(l)
	for i, s := range list[:min(len(list), len(out.SubStatements))] {
		switch s.part {
		case partCopy:
			done.Query = out.SubStatements[i].RedshiftQueryId
		case partCount:
			if done.Rows, err = c.number(ctx, aws.ToString(out.SubStatements[i].Id), l.Rows); err != nil {
				return Loaded{}, err
			}
		default: // has nothing to tell
		}
	}
	return done, nil
}

// failed says why the part has failed that ended the transaction.
func (c *Client) failed(ctx context.Context, l Load, p part, sub types.SubStatementData) (Loaded, error) {
	about := fmt.Sprintf("load into %s, statement %s", c.o.Table, aws.ToString(sub.Id))
	switch p {
	case partOnce: // so it seems: a part may fail for other reasons
		rows, there, err := c.noted(ctx, l)
		if err != nil || there {
			return Loaded{Rows: rows, Again: true}, err
		}
	case partRows:
		return Loaded{}, fmt.Errorf("%s: COPY did not read %d rows but %w", about, l.Rows, ErrRows)
	default: // is what it seems
	}
	query := ""
	if sub.RedshiftQueryId > 0 {
		query = fmt.Sprintf(" (query %d)", sub.RedshiftQueryId)
	}
	return Loaded{}, fmt.Errorf("%s: %w: %s%s: %s", about, ErrFailed, p, query, c.o.said(l, aws.ToString(sub.Error)))
}

// The waits between two looks at a statement.
const (
	pollFirst = 200 * time.Millisecond
	pollMost  = 5 * time.Second
)

// end waits for a statement's end.
func (c *Client) end(ctx context.Context, id string) (*redshiftdata.DescribeStatementOutput, error) {
	for wait := pollFirst; ; wait = min(2*wait, pollMost) {
		out, err := c.api.DescribeStatement(ctx, &redshiftdata.DescribeStatementInput{Id: &id})
		if err != nil {
			err = awserror.Translate(err)
			if errors.Is(err, awserror.ErrNotFound) {
				err = fmt.Errorf("the Data API does not know statement %s any more: %w", id, ErrUncertain)
			}
			return nil, err
		}
		switch out.Status {
		case types.StatusStringFinished, types.StatusStringFailed, types.StatusStringAborted:
			return out, nil
		case "":
			return nil, awserror.ErrSilent
		default: // is at work
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// number reads a result that is one number. Results are forgotten after a day; what is known without them stands in.
func (c *Client) number(ctx context.Context, id string, known int64) (int64, error) {
	out, err := c.api.GetStatementResult(ctx, &redshiftdata.GetStatementResultInput{Id: &id})
	if err != nil {
		if err = awserror.Translate(err); errors.Is(err, awserror.ErrNotFound) {
			return known, nil
		}
		return 0, fmt.Errorf("count the rows in %s: %w", c.o.Table, err)
	}
	if len(out.Records) > 0 && len(out.Records[0]) > 0 {
		if field, ok := out.Records[0][0].(*types.FieldMemberLongValue); ok {
			return field.Value, nil
		}
	}
	return known, nil
}

// Cancel asks Redshift to stop a load, and returns its statement: the one that is given, or the one that has its name, for
// the answer to a submission may have got lost. That there is none, or that it is over or forgotten, is success.
func (c *Client) Cancel(ctx context.Context, l Load, id string) (_ string, err error) {
	if id == "" {
		if id, err = c.find(ctx, l); err != nil || id == "" {
			return "", err
		}
	}
	_, err = c.api.CancelStatement(ctx, &redshiftdata.CancelStatementInput{Id: &id})
	if err != nil {
		err = awserror.Translate(err)
	}
	if err == nil || errors.Is(err, awserror.ErrRefused) || errors.Is(err, awserror.ErrNotFound) {
		return id, nil
	}
	return id, fmt.Errorf("cancel the load into %s: %w", c.o.Table, err)
}
