// Package examples holds a configuration to copy. The demo sends what it says.
package examples

import "embed"

// Files is the configuration, and what it names.
//
//go:embed consign.yaml keys
var Files embed.FS
