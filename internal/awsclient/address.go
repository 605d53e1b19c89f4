package awsclient

import (
	"net/url"
	"regexp"
)

var region = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]+$`)

// IsRegion reports whether a name is like those of Amazon's regions: eu-west-1, us-gov-east-1, eusc-de-east-1.
func IsRegion(name string) bool { return region.MatchString(name) }

// IsServer reports whether an endpoint is the URL of a server without a name and a password: Temporal's history may hold it.
func IsServer(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http")
}
