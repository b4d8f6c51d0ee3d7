package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatExpiresIsSaidAndIsNoProof(t *testing.T) {
	code, out, errs := vodctl(t, nil, "state", "expire", "--rules")
	require.Zero(t, code, "it needs no STATE: "+errs)
	require.Contains(t, out, "lease/")
	for _, stays := range []string{"plans/", "approvals/", "withdrawn/", "halt/", "ended/", "ledger/"} {
		require.NotContains(t, out, stays)
	}
}
