package fakefc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakefc"
)

// sound is a function that the platform takes, with a trigger of each type; the tests
// change one setting of it.
const sound = `
resources:
  a:
    component: fc3
    props:
      functionName: a
      runtime: go1
      handler: main
      code: ./x
      role: acs:ram::1234567890123456:role/a
      cpu: 0.35
      memorySize: 512
      diskSize: 512
      timeout: 300
      instanceConcurrency: 1
      environmentVariables: {ONE: '1'}
      instanceLifecycleConfig: {initializer: {handler: main, timeout: 300}, preStop: {handler: main, timeout: 90}}
      concurrencyConfig: {reservedConcurrency: 1}
      asyncInvokeConfig:
        maxAsyncRetryAttempts: 8
        maxAsyncEventAgeInSeconds: 604800
        destinationConfig: {onSuccess: {destination: 'acs:fc:cn-shanghai:1:functions/b'}, onFailure: {destination: 'acs:mns:cn-shanghai:1:/queues/q/messages'}}
      triggers:
        - {triggerName: night, triggerType: timer, triggerConfig: {cronExpression: '0 0 1 * * *', enable: true, payload: p}}
        - {triggerName: web, triggerType: http, triggerConfig: {authType: anonymous, methods: [GET, POST]}}
        - {triggerName: news, triggerType: mns_topic, sourceArn: 'acs:mns:cn-shanghai:1:/topics/t', triggerConfig: {notifyContentFormat: JSON, notifyStrategy: BACKOFF_RETRY, filterTag: red}}
        - triggerName: jobs
          triggerType: eventbridge
          triggerConfig:
            eventSourceConfig: {eventSourceType: MNS, eventSourceParameters: {sourceMNSParameters: {QueueName: q}}}
            eventSinkConfig: {deliveryOption: {eventSchema: CloudEvents}}
            runOptions: {mode: event-streaming, errorsTolerance: ALL, retryStrategy: {PushRetryStrategy: BACKOFF_RETRY}, batchWindow: {CountBasedWindow: 10000, TimeBasedWindow: 15}, deadLetterQueue: {Arn: 'acs:mns:cn-shanghai:1:/queues/d'}}
`

// Each setting that the platform refuses is named, with its value and what is allowed.
func TestSettingsThatThePlatformRefuses(t *testing.T) {
	parse := func(text string, d fakefc.Doubts) error {
		_, err := fakefc.ParseManifest([]byte(text), t.TempDir(), fakefc.Variables{}, d)
		return err
	}
	require.NoError(t, parse(sound, fakefc.Doubts{}))
	long := strings.Repeat("n", 65)
	for _, tc := range []struct{ from, to, want string }{
		{"functionName: a", "functionName: 1a", `functionName "1a": 1 to 64 letters`},
		{"functionName: a", "functionName: " + long, `functionName "` + long + `": 1 to 64`},
		{"cpu: 0.35", "cpu: 0.36", "cpu 0.36: 0.05 to 16 in steps of 0.05"},
		{"cpu: 0.35", "cpu: 17", "cpu 17: 0.05 to 16"},
		{"cpu: 0.35", "cpu: 0.55", "cpu 0.55 with memorySize 512: memory of 1 to 4 GB for each vCPU, here 564 to 2252 MB"},
		{"cpu: 0.35", "cpu: 0.1", "cpu 0.1 with memorySize 512: memory of 1 to 4 GB for each vCPU, here 103 to 409 MB"},
		{"memorySize: 512", "memorySize: 500", "memorySize 500: 128 to 32768 MB in steps of 64"},
		{"memorySize: 512", "memorySize: 64", "memorySize 64: 128"},
		{"diskSize: 512", "diskSize: 1024", "diskSize 1024: 512 or 10240 MB"},
		{"timeout: 300\n", "timeout: 301\n", "timeout 301: at most 300 s for a function behind EventBridge"},
		{"timeout: 300\n", "timeout: 86401\n", "timeout 86401: 1 to 86400 s"},
		{"timeout: 300\n", "timeout: -1\n", "timeout -1: 1 to 86400 s"},
		{"instanceConcurrency: 1", "instanceConcurrency: 2", "instanceConcurrency 2: 1 with go1"},
		{"instanceConcurrency: 1", "instanceConcurrency: 201", "instanceConcurrency 201: 1 to 200"},
		{"ONE: '1'", "ONE: 1", "ONE is 1, not a text"},
		{"ONE: '1'", "ONE: true", "ONE is true, not a text"},
		{"ONE: '1'", "1ONE: '1'", `environment variable "1ONE": letters, digits and _`},
		{"ONE: '1'", "FC_ONE: '1'", `environment variable "FC_ONE": the prefix FC_`},
		{"ONE: '1'", "ONE: '" + strings.Repeat("x", 4094) + "'", "environmentVariables 4097: at most 4096 bytes"},
		{"role: acs:ram::1234567890123456:role/a", "role: acs:ram:role/a", `role "acs:ram:role/a": a role's name`},
		{"initializer: {handler: main, timeout: 300}", "initializer: {handler: main, timeout: 301}", "initializer timeout 301: 1 to 300 s"},
		{"timeout: 90}", "timeout: 91}", "preStop timeout 91: 1 to 90 s"},
		{"reservedConcurrency: 1", "reservedConcurrency: -1", "reservedConcurrency -1"},
		{"maxAsyncRetryAttempts: 8", "maxAsyncRetryAttempts: 9", "maxAsyncRetryAttempts 9: 0 to 8"},
		{"maxAsyncEventAgeInSeconds: 604800", "maxAsyncEventAgeInSeconds: 604801", "maxAsyncEventAgeInSeconds 604801: 1 to 604800"},
		{"acs:mns:cn-shanghai:1:/queues/q/messages", "acs:kafka:x", `onFailure destination "acs:kafka:x"`},
		{"triggerName: night", "triggerName: '-n'", `triggerName "-n": 1 to 128 letters`},
		{"triggerName: night", "triggerName: web", "trigger web: the name is used twice"},
		{"0 0 1 * * *", "0 1 * * *", "six fields"},
		{"payload: p", "payload: " + strings.Repeat("x", 128<<10+1), "bytes of payload 131073: at most 131072"},
		{"authType: anonymous", "authType: function", `authType "function"`},
		{"methods: [GET, POST]", "methods: [GET, TRACE]", `methods "TRACE": GET, POST`},
		{"methods: [GET, POST]", "methods: []", "methods 0: one of GET"},
		{"triggerType: timer, triggerConfig: {", "triggerType: http, triggerConfig: {authType: anonymous, methods: [GET], ", "triggers of type http 2: one for each function"},
		{"triggerType: timer", "triggerType: oss", `triggerType "oss": not emulated`},
		{"acs:mns:cn-shanghai:1:/topics/t", "acs:mns:cn-shanghai:1:/queues/t", `sourceArn "acs:mns:cn-shanghai:1:/queues/t"`},
		{"notifyContentFormat: JSON", "notifyContentFormat: SIMPLIFIED", `notifyContentFormat "SIMPLIFIED": STREAM, JSON`},
		{"notifyStrategy: BACKOFF_RETRY", "notifyStrategy: NEVER", `notifyStrategy "NEVER"`},
		{"filterTag: red", "filterTag: seventeen-letters", `filterTag "seventeen-letters": at most 16`},
		{"eventSourceType: MNS", "eventSourceType: Kafka", `eventSourceType "Kafka"`},
		{"{QueueName: q}", "{}", "a queue is needed"},
		{"eventSchema: CloudEvents", "eventSchema: Cloud", `eventSchema "Cloud": CloudEvents, RawData`},
		{"mode: event-streaming", "mode: streaming", `runOptions.mode "streaming"`},
		{"mode: event-streaming", "mode: event-driven", "only with runOptions.mode event-streaming"},
		{"errorsTolerance: ALL", "errorsTolerance: SOME", `errorsTolerance "SOME": NONE, ALL`},
		{"PushRetryStrategy: BACKOFF_RETRY", "PushRetryStrategy: NONE", `PushRetryStrategy "NONE"`},
		{"CountBasedWindow: 10000", "CountBasedWindow: 10001", "CountBasedWindow 10001: 1 to 10000"},
		{"TimeBasedWindow: 15", "TimeBasedWindow: 15.5", "TimeBasedWindow 15.5: 0 to 15 s"},
		{"acs:mns:cn-shanghai:1:/queues/d", "d", `deadLetterQueue.Arn "d"`},
	} {
		require.Contains(t, sound, tc.from)
		require.ErrorContains(t, parse(strings.Replace(sound, tc.from, tc.to, 1), fakefc.Doubts{}), tc.want)
	}
	for _, tc := range [][2]string{
		{"functionName: a", "functionName: " + strings.Repeat("n", 128)}, {"maxAsyncEventAgeInSeconds: 604800", "maxAsyncEventAgeInSeconds: 2592000"},
	} {
		require.NoError(t, parse(strings.Replace(sound, tc[0], tc[1], 1), fakefc.Doubts{WideLimits: true}))
		require.Error(t, parse(strings.Replace(sound, tc[0], tc[1]+"1", 1), fakefc.Doubts{WideLimits: true}))
	}
	var many strings.Builder
	for i := range 51 {
		fmt.Fprintf(&many, "        - {triggerName: t%d, triggerType: timer, triggerConfig: {cronExpression: '@every 1h', enable: false}}\n", i)
	}
	require.ErrorContains(t, parse(sound+many.String(), fakefc.Doubts{}), "triggers 55: at most 50")
}
