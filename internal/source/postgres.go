package source

import (
	"context"
	"fmt"
)

func openPostgres(context.Context, Options) (Source, error) {
	return nil, fmt.Errorf("%w: postgres", ErrUnreachable)
}
