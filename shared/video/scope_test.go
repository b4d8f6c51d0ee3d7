package video_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
)

func TestAScopeSaysWhereItDiffers(t *testing.T) {
	s := video.Scope{Region: "r", Account: "1", App: "a"}
	require.Empty(t, s.Differs(s))
	for want, other := range map[string]video.Scope{
		"it is of region r, this is q":           {Region: "q", Account: "2", App: "b"},
		"it is of account 1, this is 2":          {Region: "r", Account: "2", App: "b"},
		`it is of application "a", this is "b"`:  {Region: "r", Account: "1", App: "b"},
		`it is of application "a", this is ""`:   {Region: "r", Account: "1"},
		"it is of region r, this is cn-shanghai": {Region: "cn-shanghai"},
	} {
		require.Equal(t, want, s.Differs(other))
	}
	require.Equal(t, `account 1 in r, application "a"`, s.String())
	require.Equal(t, "account 1 in r", video.Scope{Region: "r", Account: "1"}.String())
	require.NoError(t, s.Check())
	require.Error(t, video.Scope{Region: "r"}.Check())
	require.Error(t, video.Scope{Account: "1"}.Check())
}

func TestAScopeTakesItsOwn(t *testing.T) {
	s := video.Scope{Region: "r", Account: "1", App: "a"}
	require.True(t, s.Takes(s))
	require.True(t, video.Scope{Region: "r", App: "a"}.Takes(s), "no account is named")
	for _, other := range []video.Scope{{Region: "q", Account: "1", App: "a"}, {Region: "r", Account: "2", App: "a"}, {Region: "r", App: "a"}, {Region: "r", Account: "1"}} {
		require.False(t, s.Takes(other), other)
	}
}

func TestAScopeWithoutApplicationLeavesItOut(t *testing.T) {
	text, err := json.Marshal(video.Scope{Region: "r", Account: "1"})
	require.NoError(t, err)
	require.Equal(t, `{"region":"r","account":"1"}`, string(text))
}
