package retention_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
)

func TestTheSchemaNamesTheKeysOfTheFileAndNoOther(t *testing.T) {
	keys, err := rule.SchemaKeys(retention.Schema())
	require.NoError(t, err)
	require.Equal(t, rule.Keys(retention.FileType), keys)
	t.Logf("%d keys compared", len(keys))
}
