module example.com/library

go 1.26.8

require (
	github.com/aliyun/alibaba-cloud-sdk-go v1.63.107
	vodcurator v0.0.0
)

require (
	github.com/abema/go-mp4 v1.4.1 // indirect
	github.com/goccy/go-yaml v1.19.2 // indirect
	github.com/google/uuid v1.1.2 // indirect
	github.com/jmespath/go-jmespath v0.4.0 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	github.com/opentracing/opentracing-go v1.2.1-0.20220228012449-10b1cf09e00b // indirect
	github.com/robfig/cron/v3 v3.0.1 // indirect
	golang.org/x/image v0.47.0 // indirect
	gopkg.in/ini.v1 v1.67.0 // indirect
)

replace vodcurator => ../../../..
