package awsrole

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// readBareErrors lets the SDK read errors in S3's form: an Error, where STS has an ErrorResponse around it. Ceph's STS answers
// so, and so does every store that has no STS, and says that it does not know what is asked. The SDK finds no code in them.
func readBareErrors(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("BareErrors",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			if answer, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil && answer.StatusCode >= http.StatusMultipleChoices {
				err = wrapError(answer)
			}
			return out, metadata, err
		}), middleware.After)
}

// wrapError puts an ErrorResponse around an Error that has none.
func wrapError(answer *smithyhttp.Response) error {
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	at := bytes.Index(text, []byte("<Error>"))
	if at >= 0 && !bytes.Contains(text[:at], []byte("<ErrorResponse")) {
		text = []byte("<ErrorResponse>" + string(text[at:]) + "</ErrorResponse>")
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}
