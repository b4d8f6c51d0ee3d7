package shared_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rooms says which of our rooms a room may import. A name ending in /... covers
// the rooms below it too; the first entry that fits counts.
var rooms = []struct {
	room string
	may  []string
}{
	{"shared/video", nil},
	{"shared/manifest", nil},
	{"events", []string{"shared/video"}},
	{"shared/decide/rule", []string{"shared/video"}},
	{"shared/decide/tagging", []string{"shared/video", "shared/decide/rule"}},
	{"shared/decide/retention", []string{"shared/video", "shared/decide/rule"}},
	{"shared/decide/removal", []string{"shared/video", "shared/decide/retention"}},
	{"shared/decide/...", []string{"shared/video"}},
	{"shared/vod", []string{"shared/video"}},
	{"shared/queue", []string{"shared/video"}},
	{"shared/account", []string{"shared/video"}},
	{"shared/state/statetest", []string{"shared/video", "shared/decide/...", "shared/state/...", "shared/act/upkeep"}}, // for tests
	{"shared/state", []string{"shared/video"}},
	{"shared/state/...", []string{"shared/video", "shared/decide/...", "shared/state/..."}},
	{"shared/act/deliver", []string{"shared/video", "events", "shared/decide/...", "shared/state", "shared/act/edit", "shared/act/tag"}},
	{"shared/act/notify", []string{"shared/video", "shared/decide/...", "shared/state/...", "shared/act/hook"}},
	{"shared/act/watch", []string{"shared/video", "shared/state", "shared/act/hook"}},
	{"shared/act/...", []string{"shared/video", "shared/decide/...", "shared/state/..."}},
	{"shared/report", []string{"shared/video"}},
	{"shared/report/removal", []string{"shared/video", "shared/decide/...", "shared/act/...", "shared/state/...", "shared/report"}},
	{"shared/boot/night", []string{"shared/video", "events", "shared/decide/...", "shared/act/...", "shared/report", "shared/state/...", "shared/boot"}},
	{"shared/boot", []string{"shared/video", "events", "shared/decide/...", "shared/act/...", "shared/report", "shared/vod", "shared/queue", "shared/state/..."}},
	{"functions/...", []string{"events", "shared/video", "shared/decide/...", "shared/act/...", "shared/report/...", "shared/boot/..."}},
	{"shared/cmd/vodctl", []string{"events", "shared/video", "shared/decide/...", "shared/act/...", "shared/report/...", "shared/boot/...", "shared/state/...", "shared/vod", "shared/queue", "shared/insight", "shared/manifest", "shared/account", "functions", "shared/cmd/vodctl/doctor"}},
	{"shared/cmd/vodctl/doctor", []string{"events", "shared/video", "shared/decide/...", "shared/act/...", "shared/report", "shared/boot/...", "shared/state/...", "shared/vod", "shared/queue", "shared/insight", "shared/manifest", "shared/account", "functions"}},
	{"shared/insight", []string{"events", "shared/video", "shared/decide/...", "shared/act/...", "shared/report/...", "shared/boot/...", "shared/state/...", "shared/vod", "shared/queue"}},
	{"shared/console", []string{"events", "shared/video", "shared/decide/...", "shared/act/...", "shared/report/...", "shared/boot/...", "shared/state/...", "shared/vod", "shared/queue", "shared/insight"}},
	{"shared/localcloud/...", []string{"shared/localcloud/...", "shared/video", "shared/manifest"}},
	{"shared/cmd/local", []string{"shared/localcloud/...", "shared/console", "shared/report/...", "events", "shared/video", "shared/vod", "shared/queue", "shared/state/..."}},
}

// owners says which rooms may import a module that is not ours. Tests may import any.
var owners = map[string][]string{
	"github.com/aliyun/fc-runtime-go-sdk":          {"functions/...", "shared/boot"},
	"github.com/aliyun/alibaba-cloud-sdk-go":       {"shared/vod"},
	"github.com/aliyun/aliyun-mns-go-sdk":          {"shared/queue"},
	"github.com/valyala/fasthttp":                  {"shared/queue"}, // the seam by which the MNS client is redirected
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2": {"shared/state", "shared/cmd/local"},
	"github.com/expr-lang/expr":                    {"shared/decide/rule"},
	"golang.org/x/text":                            {"shared/decide/rule"},
	"github.com/goccy/go-yaml":                     {"shared/decide/...", "shared/manifest"},
	"github.com/robfig/cron/v3":                    {"shared/localcloud/..."},
	"github.com/abema/go-mp4":                      {"shared/localcloud/..."},
	"golang.org/x/image":                           {"shared/localcloud/..."},
	"github.com/spf13/cobra":                       {"shared/cmd/vodctl", "shared/cmd/local"},
	"github.com/spf13/pflag":                       {"shared/cmd/vodctl"},
	"github.com/mattn/go-runewidth":                {"shared/report"},
	"github.com/go-analyze/charts":                 {"shared/insight"}, // draws what-if; no function links it
	"golang.org/x/sync":                            {"shared/vod", "shared/state/...", "shared/act/...", "functions/...", "shared/cmd/vodctl"},
	"golang.org/x/term":                            {"shared/report", "shared/cmd/vodctl", "shared/cmd/local"},
	"github.com/stretchr/testify":                  nil,
	"pgregory.net/rapid":                           nil,
	"go.uber.org/goleak":                           nil,
	"github.com/rogpeppe/go-internal":              nil,
	"github.com/santhosh-tekuri/jsonschema/v6":     nil,
}

func TestEveryRoomImportsOnlyWhatItMay(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, "vodcurator/")
		if room == "shared" { // these tests
			continue
		}
		i := slices.IndexFunc(rooms, func(r struct {
			room string
			may  []string
		}) bool {
			return covers(r.room, room)
		})
		require.GreaterOrEqual(t, i, 0, "room %s is not in the table", room)
		for _, path := range p.Imports {
			seen++
			if ours, ok := strings.CutPrefix(path, "vodcurator/"); ok {
				require.True(t, slices.ContainsFunc(rooms[i].may, func(may string) bool { return covers(may, ours) }),
					"%s may not import %s", room, ours)
				continue
			}
			if !strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
				continue // the standard library
			}
			owner := ""
			for module := range owners {
				if path == module || strings.HasPrefix(path, module+"/") {
					owner = module
				}
			}
			require.NotEmpty(t, owner, "%s imports %s, which nobody owns", room, path)
			require.True(t, slices.ContainsFunc(owners[owner], func(may string) bool { return covers(may, room) }),
				"%s may not import %s", room, path)
		}
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			require.False(t, strings.HasPrefix(path, "vodcurator/functions/"), "%s imports a function", room)
		}
	}
	t.Logf("%d imports looked at", seen)
}

// TestNothingShippedImportsTesting keeps package testing out of our own code: RunT
// takes an interface. The MNS client drags it in by itself, which is not ours to mend.
func TestNothingShippedImportsTesting(t *testing.T) {
	for _, p := range packages(t) {
		require.NotContains(t, p.Imports, "testing", p.ImportPath)
	}
}

type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "vodcurator/...")
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else {
			require.NoError(t, err)
		}
		all = append(all, p)
	}
}

func covers(pattern, room string) bool {
	if under, ok := strings.CutSuffix(pattern, "/..."); ok {
		return room == under || strings.HasPrefix(room, under+"/")
	}
	return pattern == room
}

// TestAFunctionLinksWhatItsDutyNeeds keeps the policy and what removes out of the functions
// that write.
func TestAFunctionLinksWhatItsDutyNeeds(t *testing.T) {
	for function, never := range map[string][]string{
		"metadata": {"shared/decide/retention", "shared/decide/removal", "shared/act/plan", "shared/act/purge", "shared/state/removal"},
		"autotag":  {"shared/decide/retention", "shared/decide/removal", "shared/act/plan", "shared/act/purge", "shared/state/removal"},
		"callback": {"shared/decide/retention", "shared/decide/removal", "shared/act/plan", "shared/act/purge", "shared/state/removal"},
	} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "vodcurator/functions/"+function).Output()
		require.NoError(t, err)
		for line := range strings.Lines(string(out)) {
			if ours, ok := strings.CutPrefix(strings.TrimSpace(line), "vodcurator/"); ok {
				require.False(t, slices.ContainsFunc(never, func(room string) bool { return covers(room, ours) }), "%s links %s", function, ours)
			}
		}
	}
}
