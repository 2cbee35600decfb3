"""The contract between agents and the control plane: operation catalogue, wire models, errors and the ports."""
