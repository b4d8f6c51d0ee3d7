package functions_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/queue"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// policies are the roles' policies, by file. The operator is a person or a job of theirs.
var policies = []string{
	"autotag/ram-policy.json", "autotag/ram-policy-direct.json", "metadata/ram-policy.json",
	"purgeplan/ram-policy.json", "purge/ram-policy.json", "operator-policy.json", "callback/ram-policy.json", "tier/ram-policy.json",
}

// duties says what each of the policies above lets do with what lies under STATE: create,
// read and remove. What is not said is forbidden. policy.yaml stands for all files that
// the owner keeps there.
var duties = map[string][8]string{
	//                    autotag  direct  metadata  purgeplan  purge   operator  callback  tier
	"probe":               {"cr", "cr", "cr", "cr", "cr", "crd", "", "cr"},
	"policy.yaml":         {"r", "r", "r", "r", "r", "crd", "", "r"},
	"holds/legal.csv":     {"r", "r", "r", "r", "r", "crd", "", "r"},
	"plans/":              {"", "", "", "cr", "r", "crd", "", "r"},
	"written/":            {"", "", "", "crd", "r", "crd", "", "r"},
	"parts/":              {"", "", "", "crd", "r", "crd", "", "r"},
	"drafts/":             {"", "", "", "crd", "", "crd", "", ""},
	"approvals/":          {"", "", "", "r", "r", "crd", "", "r"},
	"withdrawn/":          {"", "", "", "r", "r", "crd", "", "r"},
	"refused/":            {"", "", "", "r", "cr", "crd", "", "cr"},
	"runs/":               {"", "", "", "r", "cr", "crd", "", "cr"},
	"ended/":              {"", "", "", "r", "cr", "crd", "", "cr"},
	"ledger/":             {"", "", "", "r", "cr", "crd", "", "cr"},
	"checkpoints/":        {"", "", "", "r", "r", "crd", "", "r"},
	"halt/":               {"", "", "", "r", "r", "crd", "", "r"},
	"lease/purge/":        {"", "", "", "rd", "cr", "crd", "", "r"},
	"lease/move/":         {"", "", "", "rd", "r", "crd", "", "cr"},
	"lease/another/":      {"", "", "", "rd", "r", "crd", "", "r"},
	"aside/":              {"", "", "", "rd", "cr", "crd", "", "cr"},
	"shards/":             {"", "", "", "crd", "", "crd", "", ""},
	"messages/":           {"", "", "cr", "d", "", "crd", "", ""},
	"told/":               {"cr", "cr", "", "crd", "cr", "crd", "", "cr"},
	"swept/":              {"cr", "cr", "", "d", "", "crd", "", ""},
	"gone/":               {"cr", "cr", "", "d", "", "crd", "", ""},
	"versions/":           {"r", "r", "r", "r", "r", "crd", "", "r"},
	"imaged/":             {"", "", "", "crd", "r", "crd", "", "r"},
	"edits/":              {"r", "cr", "cr", "", "", "crd", "", ""},
	"edits/shard/":        {"r", "cr", "crd", "", "", "crd", "", ""},
	"edits/index/":        {"r", "cr", "crd", "", "", "crd", "", ""},
	"a/prefix/to/come/by": {"r", "r", "r", "r", "r", "crd", "", "r"},
}

// role gives credentials that carry one of the policies.
func role(t *testing.T, c *localcloud.Cloud, file string) fakeram.Key {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	policy, err := fakeram.ParsePolicy(text)
	require.NoError(t, err, file)
	return c.Keys.MintWith(strings.NewReplacer("/", "-", ".json", "").Replace(file), c.Env()["ALIBABA_CLOUD_ACCOUNT_ID"], time.Hour, policy)
}

// refused says whether an answer was that the role has no right to it.
func refused(err error) bool { return errors.Is(err, video.ErrForbidden) }

// Who may approve, withdraw, halt, set a check point, a policy or rules is the operator,
// and nobody else; each function creates what is its own to create.
func TestEveryRoleHasTheRightsOfItsDutyUnderStateAndNoOther(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{Callback: "none", Faults: "none"})
	env := c.Env()
	bucket := "vodcurator-" + env["ALIBABA_CLOUD_ACCOUNT_ID"]
	var out strings.Builder
	fmt.Fprintf(&out, "\n%-20s", "under STATE")
	stores := make([]*state.Store, len(policies))
	for i, file := range policies {
		fmt.Fprintf(&out, " %-16s", strings.NewReplacer("/ram-policy", "", ".json", "", "-policy", "").Replace(file))
		key := role(t, c, file)
		var err error
		stores[i], err = state.Open(t.Context(), "oss://"+bucket+"/v1", state.Options{
			Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["OSS_ENDPOINT"], Owner: env["ALIBABA_CLOUD_ACCOUNT_ID"],
			Credentials: func(context.Context) (string, string, string, error) { return key.ID, key.Secret, key.Token, nil },
		})
		if file == "callback/ram-policy.json" { // it has no business there
			require.ErrorIs(t, err, video.ErrForbidden)
			stores[i], err = state.Open(t.Context(), "oss://"+bucket+"/v1", state.Options{
				Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["OSS_ENDPOINT"], ReadOnly: true,
				Credentials: func(context.Context) (string, string, string, error) { return key.ID, key.Secret, key.Token, nil },
			})
		}
		require.NoError(t, err, "%s: it may open its state", file)
		t.Cleanup(func() { require.NoError(t, stores[i].Close()) })
	}
	tried := 0
	for _, prefix := range slices.Sorted(keysOf(duties)) {
		fmt.Fprintf(&out, "\n%-20s", prefix)
		for i, s := range stores {
			key := prefix
			if strings.HasSuffix(prefix, "/") {
				key += fmt.Sprint(i)
			}
			may := ""
			require.NoError(t, c.OSS.Remove(bucket, "v1/"+key))
			for _, op := range []string{"c", "r", "d"} {
				var err error
				switch op {
				case "c":
					err = s.Create(t.Context(), key, []byte("x"))
					require.NoError(t, c.OSS.Put(bucket, "v1/"+key, bytes.NewReader([]byte("x"))))
				case "r":
					_, err = s.Read(t.Context(), key)
				case "d":
					err = state.Remove(t.Context(), s, key)
				}
				if !refused(err) {
					require.NoError(t, err, "%s %s %s", policies[i], op, key)
					may += op
				}
				tried++
			}
			require.Equal(t, duties[prefix][i], may, "%s under %s", policies[i], prefix)
			fmt.Fprintf(&out, " %-16s", strings.ReplaceAll(may+"-", "--", "-"))
		}
	}
	t.Logf("%d attempts; c create, r read, d remove%s", tried, out.String())
}

func keysOf[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// A prefix that somebody adds must be somebody's duty: it is named above.
func TestEveryPrefixOfTheStateIsSomebodysDuty(t *testing.T) {
	files, err := filepath.Glob("../shared/state/*.go")
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`Prefix\s*=\s*(?:JournalPrefix \+ )?"([a-z]+/)"`).FindAllStringSubmatch(string(src), -1) {
			found++
			prefix := m[1]
			if strings.Contains(m[0], "JournalPrefix") {
				prefix = state.EditPrefix + prefix
			}
			if prefix != "lease/" {
				require.Contains(t, duties, prefix, file)
			}
		}
	}
	require.GreaterOrEqual(t, found, 21)
}

// The stars of a policy match slashes, too: a role can create an object whose name holds
// one of its prefixes further behind. Nobody reads an object of such a name.
func TestWhatAStarLetsThroughIsStray(t *testing.T) {
	for _, prefix := range []string{"approvals/", "withdrawn/", "halt/", "checkpoints/", "runs/", "ledger/", "lease/"} {
		for _, own := range []string{"plans/1", "ledger/00000001.jsonl", "gone/2026-11-27/x", "edits/000000000001", "probe"} {
			require.ErrorIs(t, state.CheckName(prefix+"v1/"+own), state.ErrStray)
		}
	}
}

// operations are calls of VOD that change or remove, or read what not everybody reads.
var operations = map[string]struct {
	call func(context.Context, *vod.Client, string) error
	may  [8]bool
}{
	"SearchMedia": {func(ctx context.Context, c *vod.Client, _ string) (err error) {
		for _, err = range c.Search(ctx, video.Query{Kind: video.KindVideo}) {
			break
		}
		return err
	}, [8]bool{true, true, false, true, false, true}},
	"BatchGetMediaInfos": {func(ctx context.Context, c *vod.Client, id string) error {
		_, err := c.Media(ctx, []video.ID{video.ID(id)})
		return err
	}, [8]bool{true, true, true, true, true, true, false, true}},
	"GetVideoInfos": {func(ctx context.Context, c *vod.Client, id string) error {
		_, err := c.Videos(ctx, []video.ID{video.ID(id)})
		return err
	}, [8]bool{false, true, true, false, false, true}},
	"GetImageInfos": {func(ctx context.Context, c *vod.Client, id string) error {
		_, err := c.Images(ctx, []video.ID{video.ID(id)})
		return err
	}, [8]bool{true, true, true, false, false, true}},
	"GetCategories": {func(ctx context.Context, c *vod.Client, _ string) error {
		_, err := c.Categories(ctx)
		return err
	}, [8]bool{false, false, false, true, true, true, false, true}},
	"GetAIVideoTagResult": {func(ctx context.Context, c *vod.Client, id string) error {
		_, err := c.Labels(ctx, video.ID(id))
		return err
	}, [8]bool{true, true, true, false, false, true}},
	"UpdateVideoInfos": {func(ctx context.Context, c *vod.Client, id string) error {
		title := "changed"
		return outcome(c.Update(ctx, []video.Update{{ID: video.ID(id), Fields: video.Fields{Title: &title}}}))
	}, [8]bool{false, true, true, false, false, false}},
	"UpdateImageInfos": {func(ctx context.Context, c *vod.Client, id string) error {
		title := "changed"
		return outcome(c.UpdateImages(ctx, []video.Update{{ID: video.ID(id), Kind: video.KindImage, Fields: video.Fields{Title: &title}}}))
	}, [8]bool{false, true, true, false, false, false}},
	"DeleteStream": {func(ctx context.Context, c *vod.Client, id string) error {
		return outcome(c.DeleteStreams(ctx, video.ID(id), []string{"0123456789abcdef0123456789abcdef"}))
	}, [8]bool{4: true}},
	"DeleteMezzanines": {func(ctx context.Context, c *vod.Client, id string) error {
		return outcome(c.DeleteSources(ctx, []video.ID{video.ID(id)}, false))
	}, [8]bool{4: true}},
	"DeleteImage": {func(ctx context.Context, c *vod.Client, id string) error {
		return c.DeleteImagesOf(ctx, video.ID(id), "NormalSnapshot")
	}, [8]bool{4: true}},
	"DeleteVideo": {func(ctx context.Context, c *vod.Client, id string) error {
		return outcome(c.DeleteVideos(ctx, []video.ID{video.ID(id)}))
	}, [8]bool{4: true}},
	"RefreshMediaPlayUrls": {func(ctx context.Context, c *vod.Client, id string) error {
		return outcome(c.RefreshPlayURLs(ctx, []video.ID{video.ID(id)}))
	}, [8]bool{4: true}},
	"UpdateMediaStorageClass": {func(ctx context.Context, c *vod.Client, id string) error {
		return outcome(c.SetStorageClass(ctx, []video.ID{video.ID(id)}, "IA", false, false))
	}, [8]bool{7: true}},
	"SetMessageCallback": {func(ctx context.Context, c *vod.Client, _ string) error {
		return c.SetCallback(ctx, vod.Callback{Type: "HTTP", URL: "https://elsewhere.example/", Events: []string{"ALL"}})
	}, [8]bool{}},
}

func outcome(outcomes []video.Outcome, err error) error {
	for _, o := range outcomes {
		err = errors.Join(err, o.Err)
	}
	return err
}

func TestEveryRoleHasTheRightsOfItsDutyAtVODAndNoOther(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{Callback: "none", Faults: "none"})
	env := c.Env()
	var out strings.Builder
	fmt.Fprintf(&out, "%-22s %s", "at VOD", strings.Join(policies, " "))
	clients := make([]*vod.Client, len(policies))
	for i, file := range policies {
		key := role(t, c, file)
		var err error
		clients[i], err = vod.New(vod.Config{Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["VOD_ENDPOINT"], Credentials: vod.Static(key.ID, key.Secret, key.Token)})
		require.NoError(t, err)
		t.Cleanup(clients[i].Close)
	}
	for _, op := range slices.Sorted(keysOf(operations)) {
		fmt.Fprintf(&out, "\n%-22s", op)
		for i, client := range clients {
			err := operations[op].call(t.Context(), client, "0123456789abcdef0123456789abcdef") // nothing of that id is there
			require.Equal(t, operations[op].may[i], !refused(err), "%s: %s: %v", policies[i], op, err)
			fmt.Fprintf(&out, " %-*s", len(policies[i]), map[bool]string{true: "may", false: "-"}[!refused(err)])
		}
		require.Positive(t, c.VOD.Log().Count(op), "%s reached the server", op)
	}
	t.Log("\n" + out.String())
}

// Who may put into the metadata queues and take from them. metadata alone takes from the
// queue of bulk changes, which no trigger does for it.
func TestEveryRoleHasTheRightsOfItsDutyAtTheQueuesAndNoOther(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{Callback: "none", Faults: "none"})
	env := c.Env()
	for _, duty := range []struct {
		queue      string
		send, take [8]bool // autotag, direct, metadata, purgeplan, purge, operator, callback
	}{
		{env["METADATA_QUEUE"], [8]bool{0: true, 2: true, 5: true}, [8]bool{2: true}},
		{env["METADATA_BULK_QUEUE"], [8]bool{0: true, 2: true, 5: true}, [8]bool{2: true}},
		{env["DEAD_LETTER_QUEUE"], [8]bool{2: true, 5: true}, [8]bool{5: true}},
	} {
		for i, file := range policies {
			key := role(t, c, file)
			client, err := queue.New(queue.Config{
				Region: env["ALIBABA_CLOUD_REGION"], Account: env["ALIBABA_CLOUD_ACCOUNT_ID"], Endpoint: env["MNS_ENDPOINT"],
				Credentials: func(context.Context) (string, string, string, error) { return key.ID, key.Secret, key.Token, nil },
			})
			require.NoError(t, err)
			t.Cleanup(client.Close)
			sent, err := client.Send(t.Context(), duty.queue, []queue.Message{{Body: []byte("x")}})
			for _, one := range sent {
				err = errors.Join(err, one.Err)
			}
			require.Equal(t, duty.send[i], !refused(err), "%s: send to %s: %v", file, duty.queue, err)
			_, err = client.Receive(t.Context(), duty.queue, 1, 0)
			require.Equal(t, duty.take[i], !refused(err), "%s: take from %s: %v", file, duty.queue, err)
		}
	}
}
