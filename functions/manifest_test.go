package functions_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
)

// manifest is the frame of s.yaml; a key that the frame does not know is refused.
type manifest struct {
	Edition   string         `yaml:"edition"`
	Name      string         `yaml:"name"`
	Access    string         `yaml:"access"`
	Vars      map[string]any `yaml:"vars"`
	Resources map[string]struct {
		Component string         `yaml:"component"`
		Props     map[string]any `yaml:"props"`
	} `yaml:"resources"`
}

func read(t *testing.T) manifest {
	t.Helper()
	src, err := os.ReadFile("../s.yaml")
	require.NoError(t, err)
	var m manifest
	require.NoError(t, yaml.UnmarshalWithOptions(src, &m, yaml.Strict()))
	return m
}

func folders(t *testing.T) []string {
	t.Helper()
	mains, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	var names []string
	for _, main := range mains {
		names = append(names, filepath.Dir(main))
	}
	return names
}

func TestEveryFolderIsAResourceAndTheReverse(t *testing.T) {
	m := read(t)
	var resources []string
	for name, r := range m.Resources {
		resources = append(resources, name)
		require.Equal(t, "fc3", r.Component, name)
		require.Equal(t, name, r.Props["functionName"], name)
		require.Equal(t, "go1", r.Props["runtime"], name)
		require.Equal(t, "./functions/"+name+"/target", r.Props["code"], name)
		require.Contains(t, r.Props, "timeout", "%s: the platform's default is 3 s", name)
		require.Equal(t, "acs:ram::${vars.account}:role/vodcurator-"+name, r.Props["role"], "one role each")
		require.FileExists(t, filepath.Join(name, "ram-policy.json"))
	}
	slices.Sort(resources)
	require.Equal(t, folders(t), resources)
}

func TestTheManifestDropsNothing(t *testing.T) {
	for name, r := range read(t).Resources {
		triggers, _ := r.Props["triggers"].([]any)
		require.NotEmpty(t, triggers, name)
		for i, raw := range triggers {
			trigger := raw.(map[string]any)
			if trigger["triggerType"] != "eventbridge" {
				continue
			}
			require.Equal(t, len(triggers)-1, i, "%s: an unchanged eventbridge trigger hides those behind it from a deploy", name)
			require.LessOrEqual(t, r.Props["timeout"], uint64(300), "%s: the most that is allowed behind EventBridge", name)
			run := trigger["triggerConfig"].(map[string]any)["runOptions"].(map[string]any)
			// NONE stops the stream for good after the last retry, and its dead letter queue is never used.
			require.Equal(t, "ALL", run["errorsTolerance"], name)
			require.Equal(t, false, trigger["triggerConfig"].(map[string]any)["asyncInvocationType"], name)
			async := r.Props["asyncInvokeConfig"].(map[string]any) // if false is asynchronous after all
			require.EqualValues(t, 8, async["maxAsyncRetryAttempts"], name)
			require.GreaterOrEqual(t, async["maxAsyncEventAgeInSeconds"], uint64(86400), name)
			failed := async["destinationConfig"].(map[string]any)["onFailure"].(map[string]any)["destination"]
			require.Contains(t, failed, ":mns:${vars.region}:${vars.account}:/queues/${vars.deadLetterQueue}/messages", name)
			require.Contains(t, run["deadLetterQueue"].(map[string]any)["Arn"], "${vars.deadLetterQueue}", name)
			require.Equal(t, "EXPONENTIAL_DECAY_RETRY", run["retryStrategy"].(map[string]any)["PushRetryStrategy"], name)
		}
	}
	purge := read(t).Resources["purge"].Props
	require.EqualValues(t, 0, purge["asyncInvokeConfig"].(map[string]any)["maxAsyncRetryAttempts"])
}

// Two intakes on one queue are two writers: metadata is pushed to, or drains the queue
// at a timer's tick, as its environment says, and there is one of it.
func TestMetadataHasOneIntake(t *testing.T) {
	props := read(t).Resources["metadata"].Props
	want := "eventbridge"
	if props["environmentVariables"].(map[string]any)["METADATA_INTAKE"] == "pull" {
		want = "timer"
	}
	triggers := props["triggers"].([]any)
	require.Len(t, triggers, 1)
	require.Equal(t, want, triggers[0].(map[string]any)["triggerType"])
	require.EqualValues(t, 1, props["concurrencyConfig"].(map[string]any)["reservedConcurrency"])
	for name, r := range read(t).Resources {
		for _, raw := range r.Props["triggers"].([]any) {
			text, err := json.Marshal(raw)
			require.NoError(t, err)
			require.Equal(t, name == "metadata", strings.Contains(string(text), "vars.metadataQueue"), "%s: nobody else takes from the queue", name)
			require.NotContains(t, string(text), "vars.bulkQueue", "%s: metadata alone takes from it, and unasked", name)
		}
	}
}

// TestRateSharesStayWithinTheDefault: the functions together ask for no more
// than a quarter of the account's rate.
func TestRateSharesStayWithinTheDefault(t *testing.T) {
	sum := 0.0
	for name, r := range read(t).Resources {
		if name == "callback" {
			continue // it has no right at VOD
		}
		share, ok := r.Props["environmentVariables"].(map[string]any)["RATE_SHARE"].(string)
		require.True(t, ok, "%s: a string, as the platform wants it", name)
		var f float64
		require.NoError(t, json.Unmarshal([]byte(share), &f))
		reserved := r.Props["concurrencyConfig"].(map[string]any)["reservedConcurrency"].(uint64)
		sum += f * float64(reserved) // each instance has a share of its own
	}
	require.LessOrEqual(t, sum, 0.2501)
}

// TestTheComponentsSchema validates the props against the schema that the fc3
// component ships, and refuses keys it does not know (the schema itself lets a
// misspelt one pass).
func TestTheComponentsSchema(t *testing.T) {
	src, err := componentSchema()
	if os.IsNotExist(err) {
		require.Empty(t, os.Getenv("CI"), "CI has the component's schema beside the checkout")
		t.Skip("fc3.schema.json is not beside this checkout") // make test tells
	}
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(src)))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("fc3.json", doc))
	schema, err := c.Compile("fc3.json")
	require.NoError(t, err)
	for name, r := range read(t).Resources {
		props := resolve(t, read(t).Vars, r.Props)
		require.NoError(t, schema.Validate(props), name)
		root := doc.(map[string]any)
		known(t, name, props, root, root)
	}
}

// componentSchema looks for the schema in a folder shared/reference beside the
// checkout, or beside one of the folders that it is in.
func componentSchema() (src []byte, err error) {
	for _, up := range []string{"../..", "../../..", "../../../.."} {
		if src, err = os.ReadFile(filepath.Join(up, "shared", "reference", "fc3.schema.json")); err == nil {
			break
		}
	}
	return src, err
}

// resolve fills the variables that stand in the manifest, as the component does
// before it validates.
func resolve(t *testing.T, vars map[string]any, props any) any {
	t.Helper()
	src, err := json.Marshal(props)
	require.NoError(t, err)
	text := regexp.MustCompile(`\$\{vars\.(\w+)\}`).ReplaceAllStringFunc(string(src), func(ref string) string {
		return vars[ref[len("${vars."):len(ref)-1]].(string)
	})
	text = regexp.MustCompile(`\$\{env\('\w+', '([^']*)'\)\}`).ReplaceAllString(text, "$1")
	text = strings.ReplaceAll(text, "${config('AccountID')}", "1234567890123456")
	require.NotContains(t, text, "${")
	out, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	return out
}

// known walks value and schema together: every key of an object must stand in
// one of the places where the schema could have it.
func known(t *testing.T, at string, value any, root map[string]any, schemas ...map[string]any) {
	t.Helper()
	schemas = expand(root, schemas)
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			var under []map[string]any
			free := false
			for _, s := range schemas {
				if props, ok := s["properties"].(map[string]any); ok {
					if p, ok := props[key].(map[string]any); ok {
						under = append(under, p)
					}
				}
				switch more := s["additionalProperties"].(type) {
				case bool:
					free = free || more
				case map[string]any:
					under = append(under, more)
				}
			}
			require.True(t, free || len(under) > 0, "%s.%s is not in the component's schema", at, key)
			if len(under) > 0 {
				known(t, at+"."+key, inner, root, under...)
			}
		}
	case []any:
		var under []map[string]any
		for _, s := range schemas {
			if items, ok := s["items"].(map[string]any); ok {
				under = append(under, items)
			}
		}
		for _, inner := range value {
			known(t, at+"[]", inner, root, under...)
		}
	}
}

func expand(root map[string]any, schemas []map[string]any) []map[string]any {
	var out []map[string]any
	for _, s := range schemas {
		out = append(out, s)
		if ref, ok := s["$ref"].(string); ok {
			target := root["definitions"].(map[string]any)[strings.TrimPrefix(ref, "#/definitions/")].(map[string]any)
			out = append(out, expand(root, []map[string]any{target})...)
		}
		for _, word := range []string{"anyOf", "oneOf", "allOf"} {
			list, _ := s[word].([]any)
			for _, inner := range list {
				out = append(out, expand(root, []map[string]any{inner.(map[string]any)})...)
			}
		}
	}
	return out
}

// calls finds, in a function's binary, the provider's operations that can be
// reached: the linker keeps nothing else (see the rights of shared/boot).
var calls = []struct {
	symbol *regexp.Regexp
	rights func(operation string) []string
}{
	{regexp.MustCompile(`services/vod\.\(\*([A-Z]\w+)Request\)\.GetActionName$`), func(op string) []string { return []string{"vod:" + op} }},
	// Whether a batch is covered by the right to the single call is not documented, so both are named.
	{regexp.MustCompile(`vodcurator/shared/queue\.\(\*Client\)\.([A-Z]\w+)$`), func(op string) []string {
		return map[string][]string{
			"Send":    {"mns:SendMessage", "mns:BatchSendMessage"},
			"Receive": {"mns:ReceiveMessage", "mns:BatchReceiveMessage"},
			"Delete":  {"mns:DeleteMessage", "mns:BatchDeleteMessage"},
			"Peek":    {"mns:PeekMessage", "mns:BatchPeekMessage"},
			"Extend":  {"mns:ChangeMessageVisibility"},
			"Stats":   {"mns:GetQueueAttributes"},
			"Ensure":  {"mns:CreateQueue"},
		}[op]
	}},
	{regexp.MustCompile(`oss-go-sdk-v2/oss\.\(\*Client\)\.([A-Z]\w+)$`), func(op string) []string {
		return map[string][]string{
			"GetObject": {"oss:GetObject"}, "GetBucketInfo": {"oss:GetBucketInfo"}, "PutObject": {"oss:PutObject"}, "ListObjectsV2": {"oss:ListObjects"}, "DeleteObject": {"oss:DeleteObject"},
		}[op]
	}},
}

// rightsOf reads what a policy allows. It names every object that it allows to create or
// remove by its prefix under STATE, and never a bucket as a whole.
func rightsOf(t *testing.T, file string) (have []string) {
	t.Helper()
	var policy struct {
		Version   string
		Statement []struct {
			Effect   string
			Action   []string
			Resource []string
		}
	}
	src, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(src, &policy))
	require.Equal(t, "1", policy.Version)
	for _, s := range policy.Statement {
		for _, r := range s.Resource {
			if slices.Contains(s.Action, "oss:PutObject") || slices.Contains(s.Action, "oss:DeleteObject") {
				require.Regexp(t, `^acs:oss:\*:\*:vodcurator-\*/v1/(probe|[a-z]+/((purge|move|shard|index)/)?\*)$`, r, file)
			}
		}
		if s.Effect == "Deny" {
			require.Equal(t, []string{"oss:GetObject"}, s.Action, "%s: what others keep under STATE", file)
			continue
		}
		require.Equal(t, "Allow", s.Effect)
		have = append(have, s.Action...)
	}
	return have
}

func TestEachRoleHasTheRightsItsCodeUsesAndNoOther(t *testing.T) {
	dir := t.TempDir()
	for _, name := range folders(t) {
		build, err := localcloud.BuildCommand(t.Context(), "..", "functions/"+name, filepath.Join(dir, name))
		require.NoError(t, err)
		build.Args = slices.Insert(build.Args, 2, "-ldflags=-w") // with symbols
		out, err := build.CombinedOutput()
		require.NoError(t, err, string(out))
		symbols, err := exec.CommandContext(t.Context(), "go", "tool", "nm", filepath.Join(dir, name)).Output()
		require.NoError(t, err)

		var want []string
		for line := range strings.Lines(string(symbols)) {
			line = strings.TrimSpace(line)
			for _, c := range calls {
				if m := c.symbol.FindStringSubmatch(line); m != nil {
					want = append(want, c.rights(m[1])...)
				}
			}
		}
		slices.Sort(want)
		want = slices.Compact(want)

		have := rightsOf(t, filepath.Join(name, "ram-policy.json"))
		if name == "autotag" { // with a queue it writes nothing itself, and without one it sends nothing
			for _, right := range have {
				require.NotContains(t, right, "vod:Update")
			}
			have = append(have, rightsOf(t, filepath.Join(name, "ram-policy-direct.json"))...)
		}
		slices.Sort(have)
		have = slices.Compact(have)
		require.Equal(t, want, have, "%s: what its binary can call, and what its role may do", name)
		for _, right := range have {
			if name != "purge" {
				require.NotContains(t, right, "vod:Delete", "%s removes nothing from the library", name)
			}
			if name != "tier" {
				require.NotContains(t, right, "vod:UpdateMediaStorageClass", "%s moves nothing", name)
			}
		}
		t.Logf("%s: %d rights: %s", name, len(have), strings.Join(have, " "))
	}
}
