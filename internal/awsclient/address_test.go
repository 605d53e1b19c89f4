package awsclient_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/awsclient"
)

func TestRegionsOfEveryPartitionAreRegions(t *testing.T) {
	t.Parallel()
	for name, is := range map[string]bool{
		"eu-west-1": true, "us-gov-east-1": true, "us-iso-east-1": true, "cn-north-1": true, "eusc-de-east-1": true, "ap-southeast-5": true,
		"": false, "eu west 1": false, "eu-west": false, "EU-WEST-1": false, "auto": false,
	} {
		require.Equal(t, is, awsclient.IsRegion(name), name)
	}
}

func TestAnEndpointIsTheURLOfAServerAlone(t *testing.T) {
	t.Parallel()
	for endpoint, is := range map[string]bool{
		"https://sts.example.com": true, "http://127.0.0.1:9000": true, "https://example.com/sts": true,
		"": false, "sts.example.com": false, "ftp://sts.example.com": false, "https://": false, "https://ann:secret@sts.example.com": false, "https://%": false,
	} {
		require.Equal(t, is, awsclient.IsServer(endpoint), endpoint)
	}
}
