package events_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
)

func TestWhatThePlatformLeftUndoneHoldsItsMessages(t *testing.T) {
	one := `{"id":"1","source":"MNS-metadata-messages","specversion":"1.0","type":"mns:Queue:SendMessage","time":"2026-11-27T06:28:17.093Z","data":{"messageId":"A","messageBody":"first"}}`
	two := `{"id":"2","specversion":"1.0","data":{"messageId":"B","messageBody":"second"}}`
	record := func(payload string) string {
		text, err := json.Marshal(map[string]any{
			"timestamp": 1660120276975, "requestContext": map[string]any{"requestId": "x", "functionArn": "acs:fc:cn-shanghai:1:functions/metadata", "condition": "RetryExhausted", "approximateInvokeCount": 9},
			"requestPayload": payload, "responseContext": map[string]any{"statusCode": 200, "functionError": "UnhandledInvocationError"}, "responsePayload": "{}",
		})
		require.NoError(t, err)
		return string(text)
	}
	for what, tc := range map[string]struct {
		body string
		want []string
	}{
		"a record":            {record("[" + one + "," + two + "]"), []string{"first", "second"}},
		"a batch as pushed":   {"[" + one + "," + two + "]", []string{"first", "second"}},
		"one event":           {one, []string{"first"}},
		"a record of a timer": {record(`{"triggerTime":"2026-11-27T06:28:17Z","triggerName":"sweep","payload":""}`), nil},
		"a message":           {`{"v":1,"changes":[]}`, nil},
		"no JSON":             {"hello", nil},
		"nothing":             {"", nil},
	} {
		got, ok := events.Undelivered([]byte(tc.body))
		require.Equal(t, tc.want != nil, ok, what)
		var bodies []string
		for _, m := range got {
			bodies = append(bodies, string(m.Body))
		}
		require.Equal(t, tc.want, bodies, what)
	}
}
