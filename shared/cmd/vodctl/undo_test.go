package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/boot"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/video"
)

// edited runs a cloud with three videos whose titles a run has changed.
func edited(t *testing.T) (c *localcloud.Cloud, env map[string]string, ids []string) {
	t.Helper()
	c = localcloud.RunT(t, localcloud.Options{Callback: "none"})
	env = c.Env()
	env["METADATA_QUEUE"] = ""
	for range 3 {
		ids = append(ids, c.VOD.Seed(fakevod.Asset{Kind: "video", Title: "old", Status: "Normal", Created: c.Now(), Modified: c.Now()})...)
	}
	config, err := boot.Read(func(name string) string { return env[name] })
	require.NoError(t, err)
	app, err := boot.New(config, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(app.VOD.Close)
	e, err := edit.New(edit.Config{Library: app.VOD, State: app.State})
	require.NoError(t, err)
	var changes []video.Change
	for _, id := range ids {
		text := "new"
		changes = append(changes, video.Change{ID: video.ID(id), Set: video.Fields{Title: &text}, IssuedAt: time.Now()})
	}
	outcomes, err := e.Edit(t.Context(), "run-1", changes)
	require.NoError(t, err)
	for _, o := range outcomes {
		require.Equal(t, video.Done, o.Result)
	}
	theirs := "theirs"
	require.NoError(t, app.VOD.UpdateOne(t.Context(), video.Update{ID: video.ID(ids[1]), Fields: video.Fields{Title: &theirs}}))
	return c, env, ids
}

func titles(c *localcloud.Cloud, ids []string) string {
	var all []string
	for _, id := range ids {
		a, _ := c.VOD.Lookup(id)
		all = append(all, a.Title)
	}
	return strings.Join(all, " ")
}

func TestUndoListsBeforeItDoes(t *testing.T) {
	c, env, ids := edited(t)
	code, out, errs := vodctl(t, env, "undo")
	require.Zero(t, code, errs)
	require.Contains(t, out, "run-1")

	writes := c.VOD.Log().Count("UpdateVideoInfos")
	code, out, errs = vodctl(t, env, "undo", "run-1")
	require.Equal(t, 1, code, "what cannot be put back is said before")
	require.Contains(t, errs, "1 asset cannot be put back, or only in part")
	for _, want := range []string{`title "old"`, "would be put back", "title changed since", "2 of 3 assets to put back\nnothing was done, --yes does it\n"} {
		require.Contains(t, out, want)
	}
	require.Equal(t, writes, c.VOD.Log().Count("UpdateVideoInfos"))
	require.Equal(t, "new theirs new", titles(c, ids))

	code, out, errs = vodctl(t, env, "undo", "run-1", "--yes")
	require.Equal(t, 1, code, errs)
	require.Contains(t, out, "done")
	require.Equal(t, "old theirs old", titles(c, ids))

	code, _, errs = vodctl(t, env, "undo", "run-0")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "run-0")
}

// slowJournal holds entries that each take a while to read.
type slowJournal int

func (n slowJournal) Read(_ context.Context, key string) ([]byte, error) {
	time.Sleep(4 * time.Second)
	return fmt.Appendf(nil, `{"v":1,"run":"r","media":[{"id":%q,"set":{"title":"x"}}]}`, path.Base(key)), nil
}

func (slowJournal) Create(context.Context, string, []byte) error { return errors.ErrUnsupported }

func (n slowJournal) List(context.Context, string, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range int(n) {
			if !yield(fmt.Sprintf("edits/%012d", i+1), nil) {
				return
			}
		}
	}
}

func TestTheListOfRunsShowsThatItGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, errs strings.Builder
		require.NoError(t, (&tool{out: &out, bar: &errs}).listRuns(t.Context(), slowJournal(7)))
		require.Contains(t, out.String(), "7")
		require.Equal(t, "3 journal entries, 0 a second\n6 journal entries, 0 a second\n", errs.String())
	})
}

func TestUndoGoesThroughTheQueueWhenThereIsOne(t *testing.T) {
	c, env, ids := edited(t)
	env["METADATA_QUEUE"] = c.Env()["METADATA_QUEUE"]
	code, out, errs := vodctl(t, env, "undo", "run-1", "--yes")
	require.Equal(t, 1, code, errs)
	require.Equal(t, 2, strings.Count(out, "sent to the queue"))
	require.Equal(t, "new theirs new", titles(c, ids), "metadata is the only writer")
}

// Whoever names a queue wants no second writer beside it.
func TestNoWriterPassesAQueueThatHasNoAccount(t *testing.T) {
	c, env, ids := edited(t)
	env["METADATA_QUEUE"], env["ALIBABA_CLOUD_ACCOUNT_ID"] = c.Env()["METADATA_QUEUE"], ""
	for _, args := range [][]string{{"undo", "run-1", "--yes"}, {"retag", "--yes"}} {
		code, out, errs := vodctl(t, env, args...)
		require.Equal(t, 1, code)
		require.Empty(t, out)
		require.Contains(t, errs, "METADATA_QUEUE and ALIBABA_CLOUD_ACCOUNT_ID go together")
	}
	require.Equal(t, "new theirs new", titles(c, ids))
}

func TestStateCompactsAndExpiresOnlyWhatIsOldAndOnlyWhenTold(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{"STATE": "file:" + dir}
	put := func(key, body string) {
		path := filepath.Join(dir, key)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(body), 0o600))
	}
	for i, days := range []int{90, 60, 1} {
		at := time.Now().AddDate(0, 0, -days).UTC()
		put(fmt.Sprintf("edits/%012d", i+1), fmt.Sprintf(`{"v":1,"run":"r","at":%q,"media":[{"id":"v%d","set":{"title":"x"},"marks":{"title":{"at":%q,"tie":"0"}}}]}`,
			at.Format(time.RFC3339), i, at.Format(time.RFC3339)))
		put("messages/"+at.Format(time.DateOnly)+"/"+strings.Repeat("ab", 32), "x")
	}
	code, out, errs := vodctl(t, env, "state", "compact")
	require.Zero(t, code, errs)
	require.Contains(t, out, "0 objects to remove", "nothing stands for the log yet")
	store, err := state.Open(t.Context(), env["STATE"], state.Options{})
	require.NoError(t, err)
	require.NoError(t, edits.NewJournal(store, nil).CatchUp(t.Context()), "as metadata does")
	for _, args := range [][]string{{"state", "compact"}, {"state", "expire"}} {
		code, out, errs := vodctl(t, env, args...)
		require.Zero(t, code, errs)
		require.Contains(t, out, "2 objects to remove; nothing was done")
		code, out, errs = vodctl(t, env, append(args, "--yes")...)
		require.Zero(t, code, errs)
		require.Contains(t, out, "2 objects removed")
		code, out, _ = vodctl(t, env, append(args, "--yes")...)
		require.Zero(t, code)
		require.Contains(t, out, "0 objects removed")
	}
	require.NoFileExists(t, filepath.Join(dir, "edits/000000000002"))
	require.FileExists(t, filepath.Join(dir, "edits/000000000003"))
	code, _, errs = vodctl(t, env, "state", "compact", "--older", "1")
	require.Equal(t, 2, code, errs)
}

// Whose changes a batch holds is shown before it is taken back. It is a note: text from outside.
func TestUndoShowsWhoHadAskedAndWhere(t *testing.T) {
	c, env, ids := shelf(t, fakevod.Asset{Kind: "video", Title: "a"}, fakevod.Asset{Kind: "video", Title: "b"}, fakevod.Asset{Kind: "video", Title: "c"})
	table := file(t, "titles.csv", "id,title\n"+ids["a"]+",New\n,\n"+ids["b"]+",New\n")
	at := func(args ...string) string {
		return moment.FindStringSubmatch(must(vodctl(t, env, append(args, "--yes")...))(t))[1]
	}
	arn := `acs:ram::\d+:\S+`
	shows := func(issued string, want ...string) {
		t.Helper()
		code, out, errs := vodctl(t, env, "undo", "--issued-at", issued)
		require.Zero(t, code, errs)
		for _, line := range want {
			require.Regexp(t, line, out)
		}
	}
	edited := at("edit", "--csv", table)
	shows(edited, ids["a"]+` .*title "a" +`+arn+` +titles.csv line 2\n`, ids["b"]+` .*title "b" +`+arn+` +titles.csv line 4\n`)
	shows(at("edit", `title == "c"`, "--add", "x"), arn+` +vodctl edit title == "c"\n`)
	shows(at("tags", "rename", "x", "y"), arn+` +vodctl tags rename x y\n`)
	_, out, _ := vodctl(t, env, "undo", "--issued-at", edited, "-o", "json")
	require.Regexp(t, `"source": "titles.csv line 2"`, out)
	_, out, _ = vodctl(t, env, "history", ids["a"])
	require.Regexp(t, `changed +people .*title "New", was "a"; asked for by `+arn+` in titles.csv line 2\n`, out)
	code, _, errs := vodctl(t, env, "undo", "--issued-at", edited, "--yes")
	require.Zero(t, code, errs)
	require.Equal(t, "a b", titles(c, []string{ids["a"], ids["b"]}))
	_, out, _ = vodctl(t, env, "undo", "-o", "json")
	runs := regexp.MustCompile(`"run": "(vodctl-[^"]+)"`).FindAllStringSubmatch(out, -1)
	require.Len(t, runs, 4, "each has a name of its own")
	_, out, _ = vodctl(t, env, "undo", runs[3][1])
	require.Contains(t, out, "vodctl undo of what was issued at "+edited)

	// By the queue too, with what a sender says of itself left as it is.
	env["METADATA_QUEUE"] = c.Env()["METADATA_QUEUE"]
	text := `[{"VideoId":"` + ids["a"] + `","Title":"x"}]` + "\n" + `{"v":1,"changes":[{"id":"` + ids["b"] + `","set":{"title":"x"},"by":"\u001b[2Jmallory"}]}`
	code, _, errs = vodctl(t, env, "queue", "send", "--yes", file(t, "all.jsonl", text))
	require.Zero(t, code, errs)
	env["METADATA_BULK_QUEUE"] = c.Env()["METADATA_BULK_QUEUE"]
	code, _, errs = vodctl(t, env, "retag", "--yes", "--rules", file(t, "rules.yaml", "rules:\n  - {name: r, when: 'true', add: [every]}\n"))
	require.Zero(t, code, errs)
	all := messages(t, c, env["METADATA_QUEUE"])
	require.Len(t, all, 3)
	require.True(t, all[2].Bulk)
	require.Regexp(t, arn, all[0].Changes[0].By)
	require.Equal(t, "all.jsonl line 1", all[0].Changes[0].Source)
	require.Equal(t, "\x1b[2Jmallory", all[1].Changes[0].By)
	bulk := messages(t, c, env["METADATA_BULK_QUEUE"])
	require.Equal(t, "vodctl retag", bulk[0].Retag[0].Source)
	require.Regexp(t, arn, bulk[0].Retag[0].By)

	long := noted(strings.Repeat("é", 300) + "\xff")
	require.LessOrEqual(t, len(long), video.MaxAsked)
	require.True(t, utf8.ValidString(long))
}

// One entry that cannot be read hides no other.
func TestUndoAndHistoryGoOnPastACorruptEntry(t *testing.T) {
	_, env, ids := edited(t)
	dir := strings.TrimPrefix(env["STATE"], "file:")
	for _, title := range []string{"second", "third"} {
		must(vodctl(t, env, "edit", `title == "new" or title == "second"`, "--title", title, "--yes"))(t)
	}
	_, list, _ := vodctl(t, env, "undo", "-o", "csv")
	runs := regexp.MustCompile(`(?m)^(?:undo|vodctl)-[^,]+`).FindAllString(list, -1)
	require.NotEmpty(t, runs)
	entries, err := filepath.Glob(filepath.Join(dir, "edits", "0*"))
	require.NoError(t, err)
	require.Greater(t, len(entries), 2)
	require.NoError(t, os.WriteFile(entries[0], []byte("garbage"), 0o600))
	code, out, errs := vodctl(t, env, "undo")
	require.Equal(t, 1, code)
	require.Contains(t, out, runs[len(runs)-1])
	require.Contains(t, errs, "corrupt")
	code, out, errs = vodctl(t, env, "history", ids[0])
	require.Zero(t, code, errs)
	require.Contains(t, out, "third")
	require.Contains(t, out+errs, "corrupt")
	require.NoError(t, os.WriteFile(entries[len(entries)-1], []byte("garbage"), 0o600))
	code, _, errs = vodctl(t, env, "undo", runs[0], "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "nothing is put back")
}
