package retention_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
)

func TestTheDefaultPolicyHoldsItsOwnTests(t *testing.T) {
	_, err := retention.Parse("default.yaml", retention.DefaultSource())
	require.NoError(t, err)
	require.False(t, retention.Default().SelfApproving, "nothing leaves without a person")
}
