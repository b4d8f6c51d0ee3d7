package manifest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/manifest"
)

func env(vars map[string]string) manifest.Variables {
	return manifest.Variables{Account: "1234567890123456", Env: func(name string) string { return vars[name] }}
}

func TestOurManifestIsReadWhole(t *testing.T) {
	m, err := manifest.Read("../../s.yaml", env(map[string]string{"METADATA_QUEUE": "mine"}))
	require.NoError(t, err)
	require.Len(t, m.Functions, 6)
	f, ok := m.Function("metadata")
	require.True(t, ok)
	require.Equal(t, "metadata", f.Name)
	require.EqualValues(t, "./functions/metadata/target", f.Code)
	require.Equal(t, "acs:ram::1234567890123456:role/vodcurator-metadata", f.Role)
	require.InDelta(t, 0.35, f.CPU, 0.001)
	require.Equal(t, [4]int{512, 512, 300, 1}, [4]int{f.Memory, f.Disk, f.Timeout, f.Concurrency.Reserved})
	require.Equal(t, "mine", f.Env["METADATA_QUEUE"])
	require.Equal(t, "vodcurator-bulk", f.Env["METADATA_BULK_QUEUE"], "the default")
	require.Equal(t, 10, f.LifeCycle.Initializer.Timeout)
	require.Equal(t, 8, *f.Async.Retries)
	require.Equal(t, "acs:mns:cn-shanghai:1234567890123456:/queues/vodcurator-dead/messages", f.Async.Destinations.OnFailure.ARN)
	require.Len(t, f.Triggers, 1)
	require.Equal(t, "mine", f.Triggers[0].Queue())
	require.False(t, f.Triggers[0].Off())
	require.Equal(t, 5000, f.Triggers[0].Config.Run.Batch.Count)
	require.Empty(t, f.Unresolved)
	_, ok = m.Function("none")
	require.False(t, ok)
}

func resources(props string) []byte {
	return []byte("vars: {a: '${vars.b}', b: '${vars.a}', n: 256, list: [x]}\nresources: {f: {component: fc3, props: {functionName: f, " + props + "}}}")
}

func TestWhatIsWrittenIsWhatIsRead(t *testing.T) {
	for name, tc := range map[string]struct {
		props string
		want  func(manifest.Function) any
		value any
	}{
		"a value alone keeps its kind":       {"memorySize: '${vars.n}'", func(f manifest.Function) any { return f.Memory }, 256},
		"a value within a text":              {"role: 'r-${vars.n}'", func(f manifest.Function) any { return f.Role }, "r-256"},
		"a value of the resource itself":     {"role: 'r-${this.props.functionName}'", func(f manifest.Function) any { return f.Role }, "r-f"},
		"a value of another place":           {"role: '${resources.f.props.functionName}'", func(f manifest.Function) any { return f.Role }, "f"},
		"a variable with double quotes":      {`role: '${env("R", "other")}'`, func(f manifest.Function) any { return f.Role }, "set"},
		"a variable without a default":       {"role: '${env(NONE)}'", func(f manifest.Function) any { return f.Role }, ""},
		"code as an object":                  {"code: {src: ./here}", func(f manifest.Function) any { return string(f.Code) }, "./here"},
		"code that is neither":               {"code: {ossBucketName: b}", func(f manifest.Function) any { return string(f.Code) }, ""},
		"what nothing fills in is left":      {"role: 'x${file(a)}', handler: '${git.branch}'", func(f manifest.Function) any { return []any{f.Role, f.Handler, f.Unresolved} }, []any{"x${file(a)}", "${git.branch}", []string{"${git.branch}", "${file(a)}"}}},
		"a trigger without a switch is on":   {"triggers: [{triggerType: timer}]", func(f manifest.Function) any { return f.Triggers[0].Off() }, false},
		"a timer is switched off":            {"triggers: [{triggerType: timer, triggerConfig: {enable: false}}]", func(f manifest.Function) any { return f.Triggers[0].Off() }, true},
		"a queue's trigger is switched off":  {"triggers: [{triggerType: eventbridge, triggerConfig: {triggerEnable: false}}]", func(f manifest.Function) any { return f.Triggers[0].Off() }, true},
		"the other's switch does not matter": {"triggers: [{triggerType: timer, triggerConfig: {triggerEnable: false}}]", func(f manifest.Function) any { return f.Triggers[0].Off() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := manifest.Parse(resources(tc.props), env(map[string]string{"R": "set"}))
			require.NoError(t, err)
			require.Equal(t, tc.value, tc.want(m.Functions[0]))
		})
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"no YAML":                    {"resources: {a", "could not find flow map content"},
		"no functions":               {"resources: 7", "resources: want the functions by name, not 7"},
		"a circle":                   {string(resources("role: '${vars.a}'")), "f: role: variables refer to each other in a circle"},
		"nowhere":                    {string(resources("role: '${vars.none}'")), "f: role: ${vars.none} leads nowhere"},
		"into a list":                {string(resources("role: 'x${vars.list.x}'")), "f: role: ${vars.list.x} leads nowhere"},
		"a number for a text":        {string(resources("environmentVariables: {A: 7, B: }")), "f: environmentVariables: A is 7, not a text: put it in quotes"},
		"a list for variables":       {string(resources("environmentVariables: [A]")), "f: environmentVariables: want names and values"},
		"a text for a number":        {string(resources("timeout: soon")), "f: timeout: want int, not a string"},
		"two faults of two, at once": {"resources: {a: {component: fc3, props: {timeout: x}}, b: {component: fc3, props: {timeout: x}}}", "b: timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := manifest.Parse([]byte(tc.text), manifest.Variables{})
			require.ErrorContains(t, err, tc.want)
		})
	}
	_, err := manifest.Read("none.yaml", manifest.Variables{})
	require.ErrorIs(t, err, os.ErrNotExist)
	file := filepath.Join(t.TempDir(), "s.yaml")
	require.NoError(t, os.WriteFile(file, []byte("resources: 7"), 0o600))
	_, err = manifest.Read(file, manifest.Variables{})
	require.ErrorContains(t, err, file)
}

func TestOtherComponentsAndTheByteOrderMarkAreNoMatter(t *testing.T) {
	m, err := manifest.Parse([]byte("\ufeffresources: {b: {component: oss, props: {timeout: x}}, c: , a: {component: fc3}}"), manifest.Variables{})
	require.NoError(t, err)
	require.Len(t, m.Functions, 1)
	require.Equal(t, "a", m.Functions[0].Resource)
	m, err = manifest.Parse(nil, manifest.Variables{})
	require.NoError(t, err)
	require.Empty(t, m)
}

func FuzzParse(f *testing.F) {
	src, err := os.ReadFile("../../s.yaml")
	require.NoError(f, err)
	f.Add(string(src))
	f.Add(string(resources("role: '${vars.a}'")))
	f.Add("resources: {x: {component: fc3, props: ['${this.props}', {a: '${env(}'}]}}")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := manifest.Parse([]byte(text), env(nil))
		if err != nil {
			return
		}
		again, err := manifest.Parse([]byte(text), env(nil))
		require.NoError(t, err)
		require.Equal(t, m, again, "the same text, the same manifest")
	})
}
