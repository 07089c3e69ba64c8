module cantrip/e2e-probe

go 1.22
