package render

import (
	"errors"

	"consign/internal/table"
)

func newTextEncoder(_ table.Schema, _ Options) (textEncoder, error) {
	return nil, errors.New("text is not built yet")
}

func badText(string) string { return "" }
