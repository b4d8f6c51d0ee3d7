package tagging_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule/ruletest"
	"vodcurator/shared/decide/tagging"
)

func TestTheSchemaNamesTheKeysOfTheFileAndNoOther(t *testing.T) {
	keys, err := ruletest.SchemaKeys(tagging.Schema())
	require.NoError(t, err)
	require.Equal(t, ruletest.Keys(tagging.FileType), keys)
	t.Logf("%d keys compared", len(keys))
}

func TestAFileWithEveryKeyHoldsItsOwnTests(t *testing.T) {
	raw, err := os.ReadFile("testdata/every-key.yaml")
	require.NoError(t, err)
	rules, err := tagging.Parse("every-key.yaml", raw)
	require.NoError(t, err)
	for _, r := range rules.Test(os.DirFS("testdata")) {
		require.Empty(t, r.Faults, r.Name)
	}
}
