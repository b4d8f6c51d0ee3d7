package retention_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
)

func TestTheDefaultPolicyHoldsItsOwnTests(t *testing.T) {
	_, err := retention.Parse("default.yaml", retention.DefaultSource())
	require.NoError(t, err)
	require.False(t, retention.Default().SelfApproving, "nothing leaves without a person")
}

func TestTheExampleInTheDefaultPolicyIsARule(t *testing.T) {
	require.Nil(t, retention.Default().Moves())
	lines := strings.Split(string(retention.DefaultSource()), "\n")
	for i, line := range lines {
		if rest, ok := strings.CutPrefix(line, "  # - "); ok {
			lines[i] = "  - " + rest
		} else if rest, ok := strings.CutPrefix(line, "  #   "); ok {
			lines[i] = "    " + rest
		}
	}
	p, err := retention.Parse("default.yaml", []byte(strings.Join(lines, "\n")))
	require.NoError(t, err)
	require.Equal(t, []string{"cool"}, p.Moves().Rules())
}
