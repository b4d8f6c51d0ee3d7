package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/boot/operator"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// opened opens the state of an environment for a test.
func opened(t *testing.T, env map[string]string) *state.Store {
	t.Helper()
	store, err := state.Open(t.Context(), env["STATE"], state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// withKeys is an environment with a plan, at a local cloud whose role "operator" runs the
// tool.
func withKeys(t *testing.T) (map[string]string, removal.Plan, *localcloud.Cloud) {
	t.Helper()
	cloud := localcloud.RunT(t, localcloud.Options{Callback: "none"})
	own := cloud.Env()
	env, p := plannedLike(t, func(p *removal.Plan) { p.Account = own["ALIBABA_CLOUD_ACCOUNT_ID"] })
	keys := cloud.Keys.Mint("operator", p.Account, time.Hour)
	own["STATE"] = env["STATE"]
	own["ALIBABA_CLOUD_ACCESS_KEY_ID"], own["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], own["ALIBABA_CLOUD_SECURITY_TOKEN"] = keys.ID, keys.Secret, keys.Token
	return own, p, cloud
}

const operatorARN = "acs:ram::1234567890123456:assumed-role/operator/local"

func TestARecordNamesWhoseCredentialsItWas(t *testing.T) {
	env, p, cloud := withKeys(t)
	ids := cloud.VOD.Seed(fakevod.Asset{Title: "wrong one"})
	store := opened(t, env)
	code, _, errs := vodctl(t, env, "approve", p.ID, "--yes", "--by", "policy 12345678", "--note", "checked")
	require.Zero(t, code, errs)
	approval, err := removal.ReadApproval(t.Context(), store, p)
	require.NoError(t, err)
	require.Equal(t, operatorARN, approval.By)
	require.Equal(t, "said to be by policy 12345678: checked", approval.Note)

	code, _, errs = vodctl(t, env, "approve", p.ID, "--withdraw", "--by", "otto")
	require.Zero(t, code, errs)
	w, err := removal.ReadWithdrawal(t.Context(), store, p.ID)
	require.NoError(t, err)
	require.Equal(t, [2]string{operatorARN, "said to be by otto"}, [2]string{w.By, w.Note})

	code, _, errs = vodctl(t, env, "takedown", ids[0], "--reason", "court order", "--yes", "--by", "anna")
	require.Zero(t, code, errs)
	r, err := removal.VerifyLedger(t.Context(), store)
	require.NoError(t, err)
	require.Equal(t, operatorARN, r.Plans[0].By)

	code, _, errs = vodctl(t, env, "halt", "--reason", "wait", "--by", "anna")
	require.Zero(t, code, errs)
	h, err := removal.HaltState(t.Context(), store)
	require.NoError(t, err)
	require.Equal(t, [2]string{operatorARN, "said to be by anna: wait"}, [2]string{h.By, h.Reason})
}

func TestWithoutKeysARecordNamesTheUserOfThisMachine(t *testing.T) {
	env, p := planned(t)
	code, _, errs := vodctl(t, env, "approve", p.ID, "--yes", "--by", "policy 12345678")
	require.Zero(t, code, errs)
	approval, err := removal.ReadApproval(t.Context(), opened(t, env), p)
	require.NoError(t, err)
	require.Equal(t, operator.Local(), approval.By)
	require.True(t, strings.HasPrefix(approval.By, "local:"), "no self-approval looks like it")
}

func TestTheAccountIsThatOfTheCredentials(t *testing.T) {
	env, p, cloud := withKeys(t)
	delete(env, "ALIBABA_CLOUD_ACCOUNT_ID")
	delete(env, "METADATA_QUEUE")
	delete(env, "DEAD_LETTER_QUEUE")
	other := cloud.Keys.Mint("operator", "99", time.Hour)
	foreign := map[string]string{}
	for name, value := range env {
		foreign[name] = value
	}
	foreign["ALIBABA_CLOUD_ACCESS_KEY_ID"], foreign["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], foreign["ALIBABA_CLOUD_SECURITY_TOKEN"] = other.ID, other.Secret, other.Token
	code, _, errs := vodctl(t, foreign, "approve", p.ID, "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "this environment is of account 99 in cn-shanghai")
	foreign["ALIBABA_CLOUD_ACCOUNT_ID"] = p.Account
	code, _, errs = vodctl(t, foreign, "approve", p.ID, "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "the credentials are of account 99")
	code, _, errs = vodctl(t, env, "approve", p.ID, "--yes")
	require.Zero(t, code, errs)
}

func TestAHaltDoesNotWaitForSTSAndAnApprovalInABucketDoes(t *testing.T) {
	env, p, _ := withKeys(t)
	env["STS_ENDPOINT"] = "http://127.0.0.1:1"
	code, _, errs := vodctl(t, env, "halt", "--reason", "wait")
	require.Zero(t, code, errs)
	require.Contains(t, errs, "recorded for "+operator.Local())
	h, err := removal.HaltState(t.Context(), opened(t, env))
	require.NoError(t, err)
	require.True(t, h.Halted)
	code, _, errs = vodctl(t, env, "approve", p.ID, "--yes")
	require.Zero(t, code, "a folder proves nobody anyway: "+errs)
	a := &tool{err: &strings.Builder{}, load: loadFrom(env)}
	env["STATE"] = "oss://state/v1"
	app, err := a.boot("STATE")
	require.NoError(t, err)
	_, _, err = a.identity(t.Context(), app, false)
	require.ErrorContains(t, err, "nothing was changed; try again, or set STS_ENDPOINT")
}

func TestAHaltWhereNobodyReadsItIsRefused(t *testing.T) {
	env := map[string]string{"STATE": "file:" + t.TempDir() + "/v2", "ALIBABA_CLOUD_ACCOUNT_ID": "1234"}
	code, _, errs := vodctl(t, env, "halt", "--reason", "stop now")
	require.Equal(t, 1, code)
	require.Contains(t, errs, env["STATE"]+", which holds nothing")
	code, _, errs = vodctl(t, env, "halt", "--reason", "stop now", "--new")
	require.Zero(t, code, errs)
	require.ErrorIs(t, removal.CheckHalt(t.Context(), opened(t, env)), video.ErrDeferred)
	code, _, errs = vodctl(t, env, "halt", "--reason", "again")
	require.Zero(t, code, "now it holds something: "+errs)
}
