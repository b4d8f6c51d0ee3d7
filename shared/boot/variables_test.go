package boot_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/boot"
)

// UPDATE_GOLDEN=1 writes the table anew.
func TestTheReadmeHasTheTableOfVariables(t *testing.T) {
	const begin, end = "<!-- variables: begin -->\n", "<!-- variables: end -->\n"
	var b strings.Builder
	b.WriteString("\n| variable | default | meaning | needed by |\n| --- | --- | --- | --- |\n")
	for _, v := range boot.Variables() {
		if v.Seldom {
			continue
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.Name, v.Shown(), v.Meaning, cmp.Or(strings.Join(v.For, ", "), "-"))
	}
	b.WriteString("\n")
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	before, rest, _ := strings.Cut(string(readme), begin)
	shown, after, found := strings.Cut(rest, end)
	require.True(t, found)
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		require.NoError(t, os.WriteFile("../../README.md", []byte(before+begin+b.String()+end+after), 0o600))
		return
	}
	require.Equal(t, b.String(), shown)
}

func TestEveryVariableThatIsReadIsListedAndTheReverse(t *testing.T) {
	elsewhere := []string{"ALIBABA_CLOUD_PROFILE", "NOTICE_QUEUE"} // by vodctl; by callback itself
	platform := []string{"FC_REGION", "FC_ACCOUNT_ID"}
	read := map[string]bool{}
	_, err := boot.Read(func(name string) string { read[name] = true; return "" })
	require.NoError(t, err)
	for _, v := range boot.Variables() {
		require.NotEqual(t, slices.Contains(elsewhere, v.Name), read[v.Name], v.Name)
		require.NotEmpty(t, v.Meaning, v.Name)
		delete(read, v.Name)
	}
	for name := range read {
		require.Contains(t, platform, name)
	}
}

func TestEachFunctionNamesWhatItNeeds(t *testing.T) {
	for function, want := range map[string][]string{
		"autotag": nil, "callback": {"ALIBABA_CLOUD_ACCOUNT_ID", "NOTICE_QUEUE"},
		"metadata":  {"ALIBABA_CLOUD_ACCOUNT_ID", "METADATA_QUEUE", "DEAD_LETTER_QUEUE"},
		"purgeplan": {"ALIBABA_CLOUD_ACCOUNT_ID", "STATE"}, "purge": {"ALIBABA_CLOUD_ACCOUNT_ID", "STATE"},
		"tier": {"ALIBABA_CLOUD_ACCOUNT_ID", "STATE"},
	} {
		require.Equal(t, want, boot.Required(function), function)
	}
}

func TestASlipInANameIsToldWithTheNearestName(t *testing.T) {
	require.Equal(t, [][2]string{{"RATE_SHAR", "RATE_SHARE"}},
		boot.Slips([]string{"PATH=/bin", "RATE_SHARE=1", "RATE_SHAR=xyzzy", "HOME=/", "FC_REGION=x", "CONSOLE_URL=x"}))
	require.Equal(t, [][2]string{{"DEAD_LETER_QUEUE", "DEAD_LETTER_QUEUE"}, {"NOTIFYURL", "NOTIFY_URL"}, {"APPID", "APP_ID"}},
		boot.Slips([]string{"DEAD_LETER_QUEUE=q", "NOTIFYURL=u", "APPID=a"}))
}

func TestTheWalksNameFilesThatAreThere(t *testing.T) {
	text, err := os.ReadFile("config.go")
	require.NoError(t, err)
	doc, _, _ := strings.Cut(string(text), "\npackage boot")
	files := regexp.MustCompile(`(?:shared|functions|events)/[a-z/]+\.go`).FindAllString(doc, -1)
	require.Greater(t, len(files), 25)
	for _, file := range files {
		require.FileExists(t, filepath.Join("..", "..", file))
	}
}
