package retention_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule/ruletest"
)

func TestTheSchemaNamesTheKeysOfTheFileAndNoOther(t *testing.T) {
	keys, err := ruletest.SchemaKeys(retention.Schema())
	require.NoError(t, err)
	require.Equal(t, ruletest.Keys(retention.FileType), keys)
	t.Logf("%d keys compared", len(keys))
}
