/**
 * A labelled choice.
 */
interface Props {
  id: string;
  label: string;
  options: readonly { value: string; title: string }[];
  value: string;
  onChoose(value: string): void;
}

export function Select({ id, label, options, value, onChoose }: Props) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="select">
        <select id={id} value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
          {options.map((option) => (
            <option key={option.value} value={option.value} selected={option.value === value}>
              {option.title}
            </option>
          ))}
        </select>
      </span>
    </div>
  );
}
