package tagging_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
)

func TestTheSchemaNamesTheKeysOfTheFileAndNoOther(t *testing.T) {
	keys, err := rule.SchemaKeys(tagging.Schema())
	require.NoError(t, err)
	require.Equal(t, rule.Keys(tagging.FileType), keys)
	t.Logf("%d keys compared", len(keys))
}
