"""ACR Lung-RADS v2022: nodules, airway nodules and cysts of a screening examination → category and management.

Source: ACR Lung-RADS v2022 assessment categories (Christensen et al., Chest 2024) and its notes. Limits, rounding and
what the text leaves open are named values of `cad.policy.LungRadsPolicy`.
"""
