package access_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/access"
)

// TestTheTruthTable asks for every combination of policies, flags and kind of delivery (64 x 16 x 2), and compares the
// answer with the rules as they are written down, one after the other.
func TestTheTruthTable(t *testing.T) {
	t.Parallel()
	policies := access.Policies()
	require.Len(t, policies, 6)
	yes := 0
	for mask := range 1 << len(policies) {
		var held []string
		for i, p := range policies {
			if mask&(1<<i) != 0 {
				held = append(held, p)
			}
		}
		for flags := range 16 {
			for _, campaign := range []bool{false, true} {
				d := access.Delivery{
					Campaign:     campaign,
					Destination:  access.Flags{Name: "d", BusinessUsers: flags&1 != 0, LimitedPII: flags&2 != 0},
					DataTemplate: access.Flags{Name: "t", BusinessUsers: flags&4 != 0, LimitedPII: flags&8 != 0},
				}
				got := access.Decide(access.Requester{User: "dana", Policies: held}, d)
				name := fmt.Sprint(held, d)
				require.Equal(t, expected(held, d), got.Allowed, name)
				require.Equal(t, "dana", got.User)
				require.Equal(t, held, got.Policies)
				require.NotEmpty(t, got.Rule, name)
				require.Equal(t, got.Allowed, got.Reason == "", name)
				require.Equal(t, got.Allowed, got.Err() == nil, name)
				if got.Allowed {
					yes++
				}
			}
		}
	}
	require.Equal(t, yesInAll, yes)
}

// yesInAll is how many of the 2,048 answers are yes, counted by hand. Without restrict-data-exports: an administrator
// or operator (48 of 64 combinations of the four grants and the restriction are theirs, for two kinds of delivery) ...
//
//	administrators and operators without restrict-pii-access: 3 x 4 grants x 16 flags x 2 kinds           = 384
//	administrators and operators with it: 3 x 4 grants x 4 flags (both limited_pii) x 2 kinds             =  96
//	business users without it: 2 of 4 grants x 4 flags (both business_users) x 2 kinds                    =  16
//	business users with it: 2 of 4 grants x 1 combination of all four flags x 2 kinds                     =   4
const yesInAll = 384 + 96 + 16 + 4

func expected(held []string, d access.Delivery) bool {
	has := func(p string) bool { return slices.Contains(held, p) }
	if has("restrict-data-exports") {
		return false
	}
	if has("restrict-pii-access") && (!d.Destination.LimitedPII || !d.DataTemplate.LimitedPII) {
		return false
	}
	if has("datagrid-administrator") || has("datagrid-operator") {
		return true
	}
	if !d.Destination.BusinessUsers || !d.DataTemplate.BusinessUsers {
		return false
	}
	return d.Campaign && has("ampiq-user") || !d.Campaign && has("amp360-user")
}

func TestARefusalNamesTheOneReason(t *testing.T) {
	t.Parallel()
	open := access.Flags{BusinessUsers: true, LimitedPII: true}
	named := func(f access.Flags, name string) access.Flags { f.Name = name; return f }
	for _, test := range []struct {
		name     string
		policies []string
		delivery access.Delivery
		rule     string
		says     string
	}{
		{"nobody", nil, access.Delivery{}, "no match", "no policy of dana allows to start orchestrations"},
		{"a business user of the other kind", []string{access.AMP360User}, access.Delivery{Campaign: true}, "no match", "no policy of dana allows to start campaigns"},
		{
			"no exports beats the administrator",
			[]string{access.Administrator, access.RestrictAll},
			access.Delivery{},
			access.RestrictAll, "dana may not send any data",
		},
		{
			"the destination is closed to business users",
			[]string{access.AMP360User},
			access.Delivery{Destination: access.Flags{Name: "acme"}, DataTemplate: named(open, "weekly")},
			access.AMP360User, `the destination "acme" does not allow business users, as dana is`,
		},
		{
			"the template is closed to business users",
			[]string{access.AmpIQUser},
			access.Delivery{Campaign: true, Destination: named(open, "acme"), DataTemplate: access.Flags{Name: "weekly"}},
			access.AmpIQUser, `the data template "weekly" does not allow business users, as dana is`,
		},
		{
			"the template is closed to restricted users",
			[]string{access.Operator, access.RestrictPII},
			access.Delivery{Destination: named(open, "acme"), DataTemplate: access.Flags{Name: "weekly", BusinessUsers: true}},
			access.RestrictPII, `the data template "weekly" does not allow users with restricted access to personal data, as dana is`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := access.Decide(access.Requester{User: "dana", Policies: test.policies}, test.delivery)
			require.False(t, d.Allowed)
			require.Equal(t, test.rule, d.Rule)
			require.Equal(t, test.says, d.Reason)
			require.ErrorIs(t, d.Err(), access.ErrDenied)
			require.ErrorContains(t, d.Err(), test.says)
		})
	}
}

func TestAnUnknownPolicyGrantsNothing(t *testing.T) {
	t.Parallel()
	open := access.Flags{BusinessUsers: true, LimitedPII: true}
	d := access.Decide(access.Requester{User: "x", Policies: []string{"root", ""}}, access.Delivery{Destination: open, DataTemplate: open})
	require.False(t, d.Allowed)
}
