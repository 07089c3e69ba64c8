module cantrip.local/apiserver-proxy

go 1.24
